"""Installs the programs that this project is compared with into `.venv-bench` when they are first needed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
FOLDER = PROJECT / ".venv-bench"
REQUIREMENTS = PROJECT / "bench" / "requirements.txt"


def install_program(name: str) -> str:
    """Return the path of a program, such as python or csvsql; install all of them if the requirements changed."""
    installed_list = FOLDER / "requirements.txt"
    if not installed_list.exists() or installed_list.read_bytes() != REQUIREMENTS.read_bytes():
        shutil.rmtree(FOLDER, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(FOLDER)], check=True)
        install = [str(FOLDER / "bin" / "python"), "-m", "pip", "install", "-q", "--compile", "-r", str(REQUIREMENTS)]
        subprocess.run(install, check=True)
        shutil.copy(REQUIREMENTS, installed_list)
    return str(FOLDER / "bin" / name)
