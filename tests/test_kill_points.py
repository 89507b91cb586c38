"""The functions at which tests kill a job are named by text, which no renaming follows: each must exist."""

from __future__ import annotations

import importlib
import re
from functools import reduce
from pathlib import Path

import pytest

pytestmark = pytest.mark.fast

POINT = re.compile(r"""["'](systemscripts(?:\.\w+)+):([\w.]+)["']""")
POINTS = sorted(
    {match.groups() for path in Path(__file__).parent.rglob("*.py") for match in POINT.finditer(path.read_text())}
)


def test_there_are_such_points() -> None:
    assert len(POINTS) > 30


@pytest.mark.parametrize(("module", "name"), POINTS)
def test_a_point_at_which_a_test_kills_is_a_function(module: str, name: str) -> None:
    assert callable(reduce(getattr, name.split("."), importlib.import_module(module)))
