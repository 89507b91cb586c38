"""Texts of a column that are decoded together are the same as each decoded alone."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from systemscripts.tables.parsers import xml_text

PARTS = (
    "a", "ü", "&amp;", "&#252;", "&#xFC;", "&lt;", "&#38;", "&#0;", "&#13;", "&#55296;", "&", "lt;", "amp;", "#252;",
    "_x0041_", "&#95;x0041_", "_", "x0041_", "\r\n", "\r", "&#٣٤;", "&quot;", "", "\0",
)  # fmt: skip


@given(st.lists(st.lists(st.sampled_from(PARTS), max_size=5).map("".join), min_size=1, max_size=6))
@example(["&#252;&#38;", "&amp;#252;", "&#252;"])
@example(["&amp;lt;", "&lt;"])
@example(["&#95;x0041_&#252;"])
def test_texts_decoded_together_are_the_same_as_each_alone(texts: list[str]) -> None:
    expected = [xml_text.unescape(text).encode() for text in texts]
    assert xml_text.decode_texts([text.encode() for text in texts]) == expected


def test_a_few_entities_are_replaced_in_all_texts_at_once() -> None:
    joined = "\0".join(["Z&#252;rich &amp; Umgebung", "plain", "&lt;b&gt;"]).encode()
    assert xml_text._decode_entities(joined) == ["Zürich & Umgebung".encode(), b"plain", b"<b>"]
