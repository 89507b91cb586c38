"""Find the modules of a package by listing it: each type of source, target, engine, report part, check is a module.

Adding a type means adding its module; there is no central list. A package inside the package is not a type.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from systemscripts.errors import ConfigurationError, EtlError, did_you_mean


def list_names(package: str) -> list[str]:
    """Return the names of the modules of a package, sorted; `package`: its full name."""
    path = importlib.import_module(package).__path__
    return sorted(module.name for module in pkgutil.iter_modules(path) if not module.ispkg)


def load_module(package: str, name: str, what: str, error: type[EtlError] = ConfigurationError) -> ModuleType:
    """Return the module with a name; raises `error` with the nearest name: there is no <what> X, did you mean Y?"""
    known = list_names(package)
    if name not in known:
        raise error(f"there is no {what} {name!r}{did_you_mean(name, known)}", f"There are: {', '.join(known)}.")
    return importlib.import_module(f"{package}.{name}")


def load_modules(package: str, having: str) -> list[ModuleType]:
    """Return the modules of a package that define `having`, sorted by name; the others are helpers."""
    loaded = (importlib.import_module(f"{package}.{name}") for name in list_names(package))
    return [module for module in loaded if hasattr(module, having)]
