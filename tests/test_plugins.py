"""A kind is a module in its package: found by listing, named when it is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from systemscripts import plugins
from systemscripts.errors import ConfigurationError, UsageError

pytestmark = pytest.mark.fast


@pytest.fixture
def animals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    folder = tmp_path / "animals_of_this_test"
    (folder / "helpers").mkdir(parents=True)
    for name, text in {
        "zebra": "legs = 4",
        "ant": "legs = 6",
        "soil": "",
        "__init__": "",
        "helpers/__init__": "",
    }.items():
        (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    return folder.name


def test_modules_are_found_by_listing_and_packages_are_none(animals: str) -> None:
    assert plugins.list_names(animals) == ["ant", "soil", "zebra"]
    assert [module.legs for module in plugins.load_modules(animals, having="legs")] == [6, 4]


def test_an_unknown_name_is_told_with_the_nearest_and_all_there_are(animals: str) -> None:
    assert plugins.load_module(animals, "ant", "animal").legs == 6
    with pytest.raises(ConfigurationError) as told:
        plugins.load_module(animals, "zebar", "animal")
    assert str(told.value) == "there is no animal 'zebar', did you mean zebra? There are: ant, soil, zebra."
    with pytest.raises(UsageError, match="there is no animal 'whale'"):
        plugins.load_module(animals, "whale", "animal", UsageError)
