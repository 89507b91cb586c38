"""Our dataclasses behave like those of the standard library."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable
from dataclasses import field
from typing import Any

import pytest

from systemscripts import quick_dataclass

Decorator = Callable[..., Any]
BOTH = [dataclasses.dataclass, quick_dataclass.dataclass]


def make_point(dataclass: Decorator, **parameters: bool) -> Any:
    @dataclass(**parameters)
    class Point:
        """A place, and how sure it is."""

        x: int
        y: int = 0
        names: list[str] = field(default_factory=list)
        note: str = field(default="", compare=False)
        secret: str = field(default="", repr=False)

        def __post_init__(self) -> None:
            object.__setattr__(self, "note", self.note.strip())

    return Point


def try_call(function: Callable[[], object]) -> object:
    try:
        return function()
    except Exception as error:
        return type(error), str(error).replace("'", "")


def observe(dataclass: Decorator, **parameters: bool) -> list[object]:
    """Return what a caller sees of a dataclass and its values."""
    point = make_point(dataclass, **parameters)
    one, same, other = point(1, note=" a "), point(1, note="b"), point(1, 2, secret="s")
    seen: list[object] = [
        repr(one).rpartition(".")[2], repr(other).rpartition(".")[2], one == same, one == other, one == (1, 0, [], ""),
        one.note, dataclasses.asdict(other), dataclasses.replace(one, y=5) == point(1, 5), copy.copy(one) == one,
        copy.deepcopy(other) == other, [each.name for each in dataclasses.fields(point)], point.__match_args__,
        copy.copy(one).names is one.names, point.__doc__,
    ]  # fmt: skip
    seen += [
        try_call(lambda: hash(point(1))), try_call(point), try_call(lambda: setattr(one, "x", 2)), one.x,
        try_call(lambda: delattr(one, "x")), try_call(lambda: setattr(one, "z", 1)),
    ]  # fmt: skip
    return seen


@pytest.mark.parametrize("parameters", [{}, {"frozen": True}, {"frozen": True, "order": True}])
def test_a_class_and_its_values_are_seen_alike(parameters: dict[str, bool]) -> None:
    assert observe(quick_dataclass.dataclass, **parameters) == observe(dataclasses.dataclass, **parameters)


@pytest.mark.parametrize("dataclass", BOTH)
def test_values_are_keys_by_what_they_hold_and_classes_differ(dataclass: Decorator) -> None:
    @dataclass(frozen=True)
    class Pair:
        left: str
        right: tuple[int, ...] = ()

    @dataclass(frozen=True)
    class Twin(Pair):
        pass

    @dataclass(frozen=True)
    class Nothing:
        pass

    assert {Pair("a", (1,)): 1}[Pair("a", (1,))] == 1
    assert len({Pair("a"), Pair("b"), Pair("a")}) == 2
    assert Pair("a") != Twin("a") and Twin("a") == Twin("a")
    assert Nothing() == Nothing() and hash(Nothing()) == hash(Nothing())
    with pytest.raises(dataclasses.FrozenInstanceError):
        Twin("a").left = "b"


@quick_dataclass.dataclass(frozen=True)
class Kept:
    """A value at module level, which pickle can find."""

    name: str
    inner: Kept | None = None


def test_values_survive_pickle_and_describe_themselves_within_themselves() -> None:
    value = Kept("a", Kept("b"))
    assert pickle.loads(pickle.dumps(value)) == value
    assert repr(value) == "Kept(name='a', inner=Kept(name='b', inner=None))"
    circle = Kept("a")
    circle.__dict__["inner"] = circle
    assert repr(circle) == "Kept(name='a', inner=...)"
