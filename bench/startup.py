"""Measures how long the help of every script takes, and a run of generic_import.py with nothing to do.

    .venv/bin/python -m bench.startup

`--help` should take less than 0.4 s, a run with nothing to do less than 1 s.
"""

from __future__ import annotations

from bench.installation import PROJECT, create_installation

MAX_HELP_SECONDS, MAX_NOTHING_SECONDS = 0.4, 1.0
TURNS = 3


def main() -> None:
    """Measure, print, and mark what is too slow."""
    with create_installation() as bench:
        for script in sorted(path.stem for path in (PROJECT / "jobscripts").glob("[a-z]*.py")):
            best = min(bench.job(script, "--help").seconds for _ in range(TURNS))
            print(f"  {script + ' --help':34} {best:5.2f} s{'   TOO SLOW' if best > MAX_HELP_SECONDS else ''}")
        bench.psql(
            "insert into dba.timportconfig (config_name, file_pattern, target_table)"
            " values ('bench', 'bench.*', 'public.bench')"
        )
        best = min(bench.job("generic_import", "bench").seconds for _ in range(TURNS))
        print(
            f"  {'generic_import, nothing to do':34} {best:5.2f} s{'   TOO SLOW' if best > MAX_NOTHING_SECONDS else ''}"
        )


if __name__ == "__main__":
    main()
