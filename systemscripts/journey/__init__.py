"""The whole way of a file: fetch, prepare, load, archive, settle; undo; what the next start finishes."""

from __future__ import annotations

from systemscripts.journey.travel import Options, run_imports, unmatched
from systemscripts.journey.undo import undo_datasets

__all__ = ["Options", "run_imports", "undo_datasets", "unmatched"]
