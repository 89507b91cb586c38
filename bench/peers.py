"""Installs the programs that this project is compared with into `.venv-bench` when they are first needed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
FOLDER = PROJECT / ".venv-bench"


def install_program(name: str, requirements: str = "requirements.txt") -> str:
    """Return the path of a program, such as python or csvsql; install all of its list if the list changed.

    Each list of bench/ has an environment of its own, since some programs need other versions of the same packages.
    """
    listed_packages = PROJECT / "bench" / requirements
    folder = FOLDER if requirements == "requirements.txt" else FOLDER / Path(requirements).stem
    installed_list = folder / requirements
    if not installed_list.exists() or installed_list.read_bytes() != listed_packages.read_bytes():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        install = [
            str(folder / "bin" / "python"),
            "-m",
            "pip",
            "install",
            "-q",
            "--compile",
            "-r",
            str(listed_packages),
        ]
        subprocess.run(install, check=True)
        shutil.copy(listed_packages, installed_list)
    return str(folder / "bin" / name)


def install_sling() -> str:
    """Return the path of sling: its package has the program, and its command would download it again."""
    python = install_program("python")
    ask = [python, "-c", "import sling_linux_amd64; print(sling_linux_amd64.SLING_BIN)"]
    return subprocess.run(ask, check=True, capture_output=True, text=True).stdout.strip()
