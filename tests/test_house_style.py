"""Names and words of the whole project follow the rules of CONTRIBUTING.md; tests/house_style.py finds the others."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.house_style import check_project

MAX_MODULES_IN_ING = 5
MAX_BARE_PARTICIPLES = 40
# of the product: attributes that people know, such as the kind of a page or an alert
MAX_VAGUE_VARIABLES = 40
# a user of the operating system, whom the tests ask to read what it may not
SYSTEM_USER = "'nobody'"


@pytest.mark.fast
def test_names_and_words_follow_the_rules() -> None:
    places = check_project()
    counts = Counter(place.rule for place in places)
    words = [
        str(place)
        for place in places
        if place.rule == "word" and not (place.path.startswith("tests/") and SYSTEM_USER in place.text)
    ]
    assert words == []
    assert [str(place) for place in places if place.rule == "two modules of one name"] == []
    assert counts["module in -ing"] <= MAX_MODULES_IN_ING
    assert counts["bare participle"] < MAX_BARE_PARTICIPLES
    vague = [str(place) for place in places if place.rule == "vague variable" and not place.path.startswith("tests/")]
    assert len(vague) <= MAX_VAGUE_VARIABLES, vague
