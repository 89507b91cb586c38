"""What the keys of a source mean: one module for each kind with the model `Options`, found by listing this package."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, create_model

from systemscripts import plugins, settings


def load_options(kind: str) -> type[BaseModel] | None:
    """The model of a kind's keys, None where nothing is known of the kind."""
    if kind not in plugins.list_names(__name__):
        return None
    found: type[BaseModel] = plugins.load_module(__name__, kind, "source of type").Options
    return found


def list_types() -> list[str]:
    """Return the types of source, sorted: the modules of systemscripts/sources/types, which is on a floor above."""
    folder = settings.PROJECT / "systemscripts" / "sources" / "types"
    return sorted(path.stem for path in folder.glob("*.py") if path.stem != "__init__")


def make_type_model() -> type[BaseModel]:
    """A model that takes a source's type only where it is a kind that there is."""
    kind: Any = Literal[tuple(list_types())]
    return create_model("Kind", type=(kind, ...))
