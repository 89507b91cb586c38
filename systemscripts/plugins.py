"""The modules of a package, found by listing it: a kind of source, target, engine, report part, check ... is a module.

Adding a kind is adding its module; there is no central list. A package inside the package is no kind of its own.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from systemscripts.errors import ConfigurationError, EtlError, did_you_mean


def list_names(package: str) -> list[str]:
    """The names of the modules of a package (`__name__`, written in its own `__init__`), sorted."""
    path = importlib.import_module(package).__path__
    return sorted(found.name for found in pkgutil.iter_modules(path) if not found.ispkg)


def load_module(package: str, name: str, what: str, error: type[EtlError] = ConfigurationError) -> ModuleType:
    """The module of one name; raises `error` with the nearest name: there is no <what> 'name', did you mean ...?"""
    known = list_names(package)
    if name not in known:
        raise error(f"there is no {what} {name!r}{did_you_mean(name, known)}", f"There are: {', '.join(known)}.")
    return importlib.import_module(f"{package}.{name}")


def load_modules(package: str, having: str) -> list[ModuleType]:
    """The modules of a package that have something of this name, sorted by theirs; the others are their helpers."""
    found = (importlib.import_module(f"{package}.{name}") for name in list_names(package))
    return [each for each in found if hasattr(each, having)]
