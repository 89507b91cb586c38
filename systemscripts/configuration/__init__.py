"""Configurations: YAML files, checked with line numbers, and the rows of dba.timportconfig."""

from __future__ import annotations

from systemscripts.configuration.import_config import ImportConfig
from systemscripts.configuration.import_parts import Source
from systemscripts.configuration.import_rows import (
    apply_files,
    apply_valid_files,
    is_uploaded,
    load_import,
    load_imports,
    load_valid_imports,
)
from systemscripts.configuration.yaml_documents import Document, read_document, validate_document

__all__ = [
    "Document",
    "ImportConfig",
    "Source",
    "apply_files",
    "apply_valid_files",
    "is_uploaded",
    "load_import",
    "load_imports",
    "load_valid_imports",
    "read_document",
    "validate_document",
]
