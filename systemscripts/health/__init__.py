"""What doctor.py looks at: one module for each matter, found by listing this package.

A module has `ORDER`, a number for its place in the list, and `check(context) -> Iterator[Line]`. It changes nothing,
needs no database, and what it cannot look at is a line, no error. Adding one touches that module and its test.
"""

from __future__ import annotations

import importlib
import pkgutil
import time
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as LateError
from types import ModuleType

from systemscripts.health.lines import FAILURE, OK, WARNING, Context, Line

__all__ = ["FAILURE", "OK", "WARNING", "Context", "Line", "look"]

SECONDS = 45.0  # for everything; what is later than that is itself a failure


def look(context: Context) -> list[Line]:
    """Every line, in order; the matters are looked at side by side, for servers that are away let wait."""
    found = [importlib.import_module(f"{__name__}.{each.name}") for each in pkgutil.iter_modules(__path__)]
    modules = sorted((each for each in found if hasattr(each, "check")), key=lambda module: module.ORDER)
    until = time.monotonic() + SECONDS
    pool = ThreadPoolExecutor(max_workers=len(modules))
    begun = [(module, pool.submit(_lines, module, context)) for module in modules]
    lines = [line for module, future in begun for line in _result(module, future, until)]
    pool.shutdown(wait=False, cancel_futures=True)
    return lines


def _lines(module: ModuleType, context: Context) -> list[Line]:
    return list(module.check(context))


def _result(module: ModuleType, future: Future[list[Line]], until: float) -> list[Line]:
    name = module.__name__.rpartition(".")[2]
    try:
        return future.result(timeout=max(until - time.monotonic(), 0.1))
    except LateError:
        return [
            Line(FAILURE, name, f"no answer within {SECONDS:g} s", "Look at the network and the servers named above.")
        ]
    except Exception as error:  # a check must not hide the others
        return [
            Line(FAILURE, name, f"cannot be looked at: {type(error).__name__}: {error}", "See docs/troubleshooting.md.")
        ]
