"""Records of JSON and XML at a declared path, with values from around and within them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from systemscripts.errors import BadDataError
from systemscripts.tables.model import ReadingOptions
from systemscripts.tables.open_table import open_table
from systemscripts.tables.parsers import json_records, json_stream, record_paths
from tests.ingest.test_identity_rules import Office, states
from tests.tables.conftest import read

__all__ = ["read"]

LINES = ReadingOptions(
    records="orders/lines", fields=(("made", "../../made"), ("order_id", "../id"), ("town", "../client/town"))
)
XML_LINES = ReadingOptions(records="Export/Orders/Order/Line", fields=(
    ("made", "../../../made"), ("order_id", "../id"), ("town", "../Client/Town"), ("vat", "Price/vat"),
))  # fmt: skip
ORDERS = {
    "orders": [
        {"lines": [{"sku": "a", "n": 1}, {"sku": "b", "tags": ["x", "y"]}], "id": 7, "client": {"town": "Köln"}},
        {"id": 8, "lines": [], "client": None},
        {"id": 9, "lines": {"sku": "c"}},
    ],
    "made": "2026-01-05",
}
XML = """<?xml version="1.0" encoding="ISO-8859-1"?>
<!-- orders --><e:Export xmlns:e="urn:x" xmlns:i="http://www.w3.org/2001/XMLSchema-instance"><e:Orders>
<Order id="7"><Line sku="a"><Price vat="19">1.50</Price></Line><Line sku="b&amp;c"><Tag>x</Tag><Tag>y</Tag></Line>
<Client><Town>Köln</Town></Client></Order><Noise><deep>1</deep></Noise>
<Order><id>8</id></Order><Order><id>9</id><Line sku="d" i:nil="false">text</Line><Line i:nil="true"/></Order>
</e:Orders><made>2026-01-05</made></e:Export>
"""


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("shape", ["object", "array", "lines"])
def test_records_of_json_come_with_the_values_around_them(tmp_path: Path, read: Any, shape: str) -> None:
    texts = {"object": json.dumps(ORDERS), "array": json.dumps([ORDERS]), "lines": f"{json.dumps(ORDERS)}\n" * 2}
    columns, records, rows = read(write(tmp_path / "a.json", texts[shape]), LINES)
    expected = [
        {"sku": "a", "n": "1", "made": "2026-01-05", "order_id": "7", "town": "Köln", "tags": ""},
        {"sku": "b", "n": "", "made": "2026-01-05", "order_id": "7", "town": "Köln", "tags": '["x", "y"]'},
        {"sku": "c", "n": "", "made": "2026-01-05", "order_id": "9", "town": "", "tags": ""},
    ]
    assert [dict(zip(columns, record, strict=True)) for record in records] == expected * (1 + (shape == "lines"))
    assert rows == list(range(1, len(records) + 1))


def test_a_list_of_bare_values_is_a_table_of_its_own(tmp_path: Path, read: Any) -> None:
    options = ReadingOptions(records="lines/tags", fields=(("sku", "../sku"),))
    content = json.dumps(ORDERS["orders"])
    assert read(write(tmp_path / "a.json", content), options)[:2] == (["value", "sku"], [["x", "b"], ["y", "b"]])


def test_a_very_large_object_is_read_list_entry_by_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "MAX_VALUE_LETTERS", 1000)
    monkeypatch.setattr(json_stream, "CHUNK_LETTERS", 500)
    monkeypatch.setattr(record_paths.SELECTION, "steps", ["data", "orders"])
    monkeypatch.setattr(record_paths.SELECTION, "fields", {"made": ["..", "made"]})
    orders = [{"id": number} for number in range(300)]

    def read_text(value: dict[str, Any]) -> list[Any]:
        raw = io.BytesIO(json.dumps(value).encode())
        return list(json_records.read_records("a.json", json_stream.JsonStream(raw)))

    records = read_text({"x": 1, "data": {"made": "today", "orders": orders}})
    assert [record for _, record in records] == [{"id": str(n), "made": "today"} for n in range(300)]
    with pytest.raises(BadDataError, match="made stands after the records that need it"):
        read_text({"data": {"orders": orders, "made": "today"}})


def test_elements_of_xml_come_with_the_values_around_them(tmp_path: Path, read: Any) -> None:
    columns, records, _ = read(write(tmp_path / "a.xml", XML.encode("latin-1")), XML_LINES)
    rows = [dict(zip(columns, record, strict=True)) for record in records]
    assert [row["sku"] for row in rows] == ["a", "b&c", "d", ""]
    assert [(row["order_id"], row["town"]) for row in rows] == [("7", "Köln")] * 2 + [("9", "")] * 2
    assert [row["made"] for row in rows] == ["2026-01-05"] * 4
    assert [row["vat"] for row in rows] == ["19", "", "", ""]
    assert [row["Tag"] for row in rows] == ["", '["x", "y"]', "", ""]
    assert [row["value"] for row in rows] == ["", "", "text", ""]
    assert rows[0]["Price"] == '{"vat": "19", "value": "1.50"}'


def test_a_large_file_of_xml_is_read_in_little_memory(
    tmp_path: Path, read: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from systemscripts.tables.workbooks import parser_process

    monkeypatch.setattr(parser_process.LIMITS, "memory_bytes", 200 * 2**20)
    with (tmp_path / "a.xml").open("w") as file:
        file.write("<x>")
        for number in range(60_000):
            file.write(f"<other><y>{number}</y></other><o><id>{number}</id><l><n>{'n' * 500}</n></l></o>")
        file.write("</x>")
    options = ReadingOptions(records="x/o/l", fields=(("id", "../id"),))
    _, records, _ = read(tmp_path / "a.xml", options)
    assert [record[1] for record in records] == list(map(str, range(60_000)))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('<!DOCTYPE x [<!ENTITY a "b">]><x><o>&a;</o></x>', "declares entities or an external DTD"),
        ('<!DOCTYPE x SYSTEM "file:///etc/passwd"><x><o>1</o></x>', "declares entities or an external DTD"),
        ("<x><p><o>1</o></p></x>", "has no records at x/o; it has: x/p, x"),
        ("<x><o>1</o><o>", "is damaged or is not a valid XML document"),
        ('{"y": [1]}', "has no records at x/o; it has: y"),
        ('{"x": {"o": [1', "is truncated or not JSON"),
    ],
)
def test_what_has_no_records_or_is_dangerous_is_refused(tmp_path: Path, content: str, words: str) -> None:
    with pytest.raises(BadDataError) as caught:
        open_table(write(tmp_path / "a.xml", content), ReadingOptions(records="x/o"))
    assert words in str(caught.value)


def test_without_a_path_xml_is_refused_with_the_key_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(BadDataError) as caught:
        open_table(write(tmp_path / "a.xml", XML.encode("latin-1")))
    assert "set reading.records of the import to their path" in f"{caught.value} {caught.value.hint}"


def test_two_imports_make_a_table_and_its_child_table_of_one_folder(office: Office) -> None:
    folder = office.here.data / "client"
    folder.mkdir()
    sources = [{"type": "local", "path": str(folder), "keep": True}]
    office.here.configure("things", file_pattern=r"orders_\d+\.json", sources=sources, reading={"records": "orders"})
    reading = {"records": "orders/lines", "fields": {"order_id": "../id"}}
    office.here.configure("lines", file_pattern=r"orders_\d+\.json", sources=sources, reading=reading)
    write(folder / "orders_1.json", json.dumps(ORDERS))
    assert [states(office.run(name)) for name in ("things", "lines")] == [["loaded"], ["loaded"]]
    assert office.here.sql("select id from public.things order by id") == [("7",), ("8",), ("9",)]
    assert office.here.sql("select order_id, sku from public.lines order by sku") == [
        ("7", "a"), ("7", "b"), ("9", "c"),
    ]  # fmt: skip
