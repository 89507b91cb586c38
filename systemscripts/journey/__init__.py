"""The whole way of a file: fetch, prepare, load, archive, settle; undo; what the next start finishes."""

from __future__ import annotations

from systemscripts.journey.replay import export_rejects, replay_rejects
from systemscripts.journey.travel import Options, run_imports, unmatched
from systemscripts.journey.undo import accept_dataset, undo_datasets

__all__ = ["Options", "accept_dataset", "export_rejects", "replay_rejects", "run_imports", "undo_datasets", "unmatched"]
