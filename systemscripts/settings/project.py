"""The folder of the project and its version."""

from __future__ import annotations

import re
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


def read_version() -> str:
    """Return the version of this project from pyproject.toml."""
    try:
        text = (PROJECT / "pyproject.toml").read_text(encoding="utf-8")
    except OSError:
        text = ""
    # each start asks for it, and to load tomllib takes longer
    match = re.search(r'^version = "(.+)"$', text, re.MULTILINE)
    return match[1] if match else "of unknown version"
