"""The keys of a source: a module for each type with the model `Options`, found by listing this package."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, create_model

from systemscripts import plugins, settings


def load_options(source_type: str) -> type[BaseModel] | None:
    """Return the model of the keys of a source type, None if it has none."""
    if source_type not in plugins.list_names(__name__):
        return None
    options: type[BaseModel] = plugins.load_module(__name__, source_type, "source of type").Options
    return options


def list_types() -> list[str]:
    """Return the types of source, sorted: the modules of systemscripts/sources/types, which is on a floor above."""
    folder = settings.PROJECT / "systemscripts" / "sources" / "types"
    return sorted(path.stem for path in folder.glob("*.py") if path.stem != "__init__")


def make_type_model() -> type[BaseModel]:
    """Return a model whose key `type` accepts only the existing types."""
    source_type: Any = Literal[tuple(list_types())]
    return create_model("SourceType", type=(source_type, ...))
