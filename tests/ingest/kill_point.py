"""Run a job script and kill it at a function: kill_point.py MODULE:FUNCTION before|after NTH SCRIPT ARGUMENTS."""

from __future__ import annotations

import importlib
import os
import runpy
import signal
import sys
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]


def main() -> None:
    """Put the killer around the function, then run the script as the wrapper would."""
    step, when, nth, script, *arguments = sys.argv[1:]
    module_name, _, name = step.partition(":")
    owner: Any = importlib.import_module(module_name)
    *path_to_it, name = name.split(".")  # also a method, such as systemscripts.s3:Bucket.copy
    for item in path_to_it:
        owner = getattr(owner, item)
    function, calls = getattr(owner, name), 0

    def killer(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == int(nth) and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = function(*args, **kwargs)
        if calls == int(nth) and when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, killer)
    path = PROJECT / "jobscripts" / f"{script}.py"
    sys.argv = [str(path), *arguments]
    runpy.run_path(str(path), run_name="__main__")


if __name__ == "__main__":
    main()
