"""Text files with NUL bytes, error messages of servers, or marks and headers in the middle."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from systemscripts.errors import BadDataError
from systemscripts.tables.open_table import open_table
from systemscripts.tables.text.text_file import HEAD_BYTES
from tests.tables.conftest import Read

pytestmark = pytest.mark.fast

Reader = Callable[..., Read]
ROWS = b"id,name,city\n" + b"".join(b"%d,a,Oslo\n" % number for number in range(30))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"id,name,city\n1,a\0b,Oslo\n2,\0\0\0,Rome\n3,c,Bonn\n", "line 2 contains NUL bytes"),
        (b"id,name\r\n1,a\r\n2,\0\r\n", "line 3 contains NUL bytes"),
        (b"id,na\0me\n" + ROWS, "line 1 contains NUL bytes"),
        (ROWS + b"\0" * 100, "line 32 contains NUL bytes"),
        (ROWS * (HEAD_BYTES // len(ROWS) + 2) + b"\0" * 100, "ends with NUL bytes"),
    ],
)
def test_zero_bytes_are_named_with_the_first_line(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(BadDataError, match=message):
        open_table(path)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_the_zeros_of_wide_encodings_are_letters(encoding: str, tmp_path: Path, read: Reader) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(ROWS.decode().encode(encoding))
    assert len(read(path)[1]) == 30


@pytest.mark.parametrize(
    ("tail", "words"),
    [
        (b"rror</Code><Message>We failed.</Message><HostId>x</HostId></Error>", "We failed."),
        (b"<?xml version='1.0'?><s:Envelope><s:Body><s:Fault><t>gone</t></s:Fault></s:Body></s:Envelope>\n", "gone"),
        (b"<html>\n<head><title>504 Gateway Time-out</title></head>\n<body>nginx</body>\n</html>\n", "504 Gateway"),
        (b"<br />\n<b>Fatal error</b>: Out of memory in /srv/export.php on line <b>12</b><br />\n", "Out of memory"),
        (b'{"error": "timeout", "code": 504}\n', "timeout"),
        (b"31,a,O\nTraceback (most recent call last):\n  File x\nMemoryError\n", "MemoryError"),
    ],
)
def test_an_error_message_behind_the_rows_says_that_the_file_is_cut(
    tail: bytes, words: str, tmp_path: Path, read: Reader
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(ROWS + tail)
    with open_table(path) as table:
        list(table.blocks())
        [text] = [notice.text for notice in table.warnings if notice.code == "file_cut"]
    assert words in text
    assert read(path)[1][:30] == [[str(number), "a", "Oslo"] for number in range(30)]


@pytest.mark.parametrize(
    "last", [b"Warning: low,a,Oslo\n", b"31,</b>,<html>\n", b'"<html></html>",a,b\n', b"Error,a,</td>\n"]
)
def test_rows_that_only_look_alike_cut_nothing(last: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(ROWS + last)
    with open_table(path) as table:
        list(table.blocks())
        assert "file_cut" not in {notice.code for notice in table.warnings}


@pytest.mark.parametrize("mark", ["\ufeff", ""])
@pytest.mark.parametrize("header", ["id,name,city\n", ""])
def test_a_mark_or_header_in_mid_file_is_not_a_value(mark: str, header: str, tmp_path: Path, read: Reader) -> None:
    path = tmp_path / "a.csv"
    more = "".join(f"{number},b,Rome\n" for number in range(30, 40))
    path.write_text(f"{mark}{ROWS.decode()}{mark}{header}{more}")
    columns, records, _ = read(path)
    assert columns == ["id", "name", "city"]
    assert [record[0] for record in records] == [str(number) for number in range(40)]


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_first_line_of_two_megabytes_is_not_cut(line_end: str, tmp_path: Path, read: Reader) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a" * 2_097_162 + line_end, newline="")
    assert [len(name) for name in read(path)[0]] == [2_097_162]
    path.write_text(f"id;{'b' * 2_500_000}{line_end}1;x{line_end}2;{'y' * 300_000}{line_end}", newline="")
    columns, records, _ = read(path)
    assert [len(name) for name in columns] == [2, 2_500_000]
    assert [[len(value) for value in record] for record in records] == [[1, 1], [1, 300_000]]
