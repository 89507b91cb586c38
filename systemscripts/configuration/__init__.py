"""What the operator configures: YAML with line numbers in its errors, and rows of dba.timportconfig."""

from __future__ import annotations

from systemscripts.configuration.import_config import ImportConfig, compile_pattern
from systemscripts.configuration.import_parts import Source
from systemscripts.configuration.import_rows import (
    apply_each,
    apply_files,
    is_uploaded,
    load,
    load_all,
    load_each,
)
from systemscripts.configuration.yaml_documents import Document, read_document, validate

__all__ = [
    "Document",
    "ImportConfig",
    "Source",
    "apply_each",
    "apply_files",
    "compile_pattern",
    "is_uploaded",
    "load",
    "load_all",
    "load_each",
    "read_document",
    "validate",
]
