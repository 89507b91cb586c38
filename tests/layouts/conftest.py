"""An installation for files of declared layouts."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from tests.conftest import Installation
from tests.ingest.test_identity_rules import Office


@pytest.fixture
def office(here: Installation) -> Iterator[Office]:
    """Return an installation whose imports are run in this process."""
    with contextlib.ExitStack() as stack:
        yield Office(here, stack)
