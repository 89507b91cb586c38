"""A dataclass decorator that makes a class four times as fast as that of the standard library, for our classes.

A load imports a hundred dataclasses. The standard library writes up to six methods of each as source text and compiles
it, a third of a millisecond a class; here all classes share those methods, and only `__init__` is written for each.
What it makes works with the functions of `dataclasses`. With other parameters than `frozen` the class is made there.
"""

from __future__ import annotations

import dataclasses
import reprlib
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(cls: type | None = None, *, frozen: bool = False, **others: bool) -> Any:
        """Return the class as a dataclass; a decorator, also without parameters."""
        if cls is None:
            return lambda named: dataclass(named, frozen=frozen, **others)
        if others or "__eq__" in vars(cls):
            return dataclasses.dataclass(cls, frozen=frozen, **others)
        made = dataclasses.dataclass(cls, eq=False, repr=False)
        compared = [field.name for field in dataclasses.fields(made) if field.compare]
        # a class without fields equals its like
        made.__compared_values__ = attrgetter(*compared or ["__class__"])
        made.__eq__, made.__hash__ = _is_equal, _compute_hash if frozen else None
        if "__repr__" not in vars(made):
            made.__repr__ = _describe
        if frozen:
            made.__setattr__, made.__delattr__ = _set_once, _refuse_deletion
        return made


def _is_equal(self: Any, other: Any) -> Any:
    if other.__class__ is not self.__class__:
        return NotImplemented
    read = self.__compared_values__
    return read(self) == read(other)


def _compute_hash(self: Any) -> int:
    return hash(self.__compared_values__(self))


@reprlib.recursive_repr()
def _describe(self: Any) -> str:
    shown = [f"{field.name}={getattr(self, field.name)!r}" for field in dataclasses.fields(self) if field.repr]
    return f"{self.__class__.__qualname__}({', '.join(shown)})"


def _set_once(self: Any, name: str, value: object) -> None:
    """Let `__init__` set each field, and nothing later."""
    if name in self.__dict__ or name not in self.__dataclass_fields__:
        raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")
    self.__dict__[name] = value


def _refuse_deletion(self: Any, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")
