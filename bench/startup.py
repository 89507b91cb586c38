"""How long every script takes to say what it does, and generic_import.py to find nothing to do.

    .venv/bin/python -m bench.startup

`--help` should take less than 0.4 s, a run that finds nothing to do less than 1 s.
"""

from __future__ import annotations

from bench.installation import PROJECT, installed

MOST_HELP, MOST_NOTHING = 0.4, 1.0
TURNS = 3


def main() -> None:
    """Measure and print; what is too slow is marked."""
    with installed() as bench:
        for script in sorted(path.stem for path in (PROJECT / "jobscripts").glob("[a-z]*.py")):
            best = min(bench.job(script, "--help").seconds for _ in range(TURNS))
            print(f"  {script + ' --help':34} {best:5.2f} s{'   TOO SLOW' if best > MOST_HELP else ''}")
        bench.psql(
            "insert into dba.timportconfig (config_name, file_pattern, target_table)"
            " values ('bench', 'bench.*', 'public.bench')"
        )
        best = min(bench.job("generic_import", "bench").seconds for _ in range(TURNS))
        print(f"  {'generic_import, nothing to do':34} {best:5.2f} s{'   TOO SLOW' if best > MOST_NOTHING else ''}")


if __name__ == "__main__":
    main()
