"""What the operator configures: YAML with line numbers in its errors, and rows of dba.timportconfig."""

from __future__ import annotations

from systemscripts.configuration.documents import Document, read_document, validate
from systemscripts.configuration.import_config import (
    ImportConfig,
    apply_each,
    apply_files,
    load,
    load_all,
    load_each,
)
from systemscripts.configuration.import_parts import Source

__all__ = [
    "Document",
    "ImportConfig",
    "Source",
    "apply_each",
    "apply_files",
    "load",
    "load_all",
    "load_each",
    "read_document",
    "validate",
]
