"""What is not a table is refused by what it is, with the words of the server where it holds some."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from systemscripts.errors import BadDataError
from systemscripts.tables.open_table import open_table
from tests.tables.conftest import Read

NOT_A_TABLE = {
    "an SQL dump": b"-- dump\nINSERT INTO orders (id, name) VALUES\n(1, 'a'),\n(2, 'b');\n",
    "an SQL dump, not": b"/* made by\n a tool */\nSET client_encoding = 'UTF8';\nCREATE TABLE a (b int);\n",
    "a saved mail": b"From: a@example.com\nTo: b@example.com\nSubject: orders\nMIME-Version: 1.0\n\naWQsbgoxLDIK\n",
    "a saved mail, not": b"Return-Path: <a@b.ch>\r\nReceived: from x\r\n by y\r\nSubject: x\r\n\r\nid,n\r\n1,2\r\n",
    'an error message of a server: "404: Not Found"': b"404: Not Found\n",
    'an error message of a server: "Too Many Requests"': b"Too Many Requests",
    'an error message of a server: "HTTP 503 Service Unavailable"': b"HTTP 503 Service Unavailable\n",
    "a PGP key, signature or signed text": b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDMEZ\n",
    "a file encrypted with PGP, not": b"-----BEGIN PGP MESSAGE-----\nVersion: X\n\noGwddQL1qozJph4PssoBamX=\n=AbCd\n",
    "a file encrypted with PGP": b"\x85\x01\x0c\x03\x12\x34\x56\x78\x9a\xbc\xde\xf0\x01\x07\xff\x00\x01\x02",
    "a Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:4665a5\nsize 12345678\n",
    "an ORC file": b"ORC\x11\0\0\0\x0a\x12",
    "an Avro file": b"Obj\x01\x04\x14avro.codec\x08null\x00",
    "a Feather": b"ARROW1\0\0\xff\xff\xff\xff",
    "an image (TIFF)": b"II*\0\x08\0\0\0\x0e\0",
    "an image (BMP)": b"BM\x36\x10\0\0\0\0\0\0\x36\0\0\0",
    "an image (icon)": b"\0\0\1\0\1\0\x10\x10\0\0",
    "a Windows program": b"MZ\x90\0\3\0\0\0\4\0\0\0\xff\xff",
    "a Microsoft Access database": b"\0\1\0\0Standard ACE DB\0\2\0\0\0",
    "a dBase table": b"\x03\x7e\x0b\x1d\x02\0\0\0\x61\0\x10\0" + b"\0" * 20 + b"NAME\0\0\0\0\0\0\0C",
    'an error message of a server: "NoSuchKey The key does not exist."': b'<?xml version="1.0"?>\n<Error><Code>'
    b"NoSuchKey</Code><Message>The key does not exist.</Message><RequestId>1</RequestId></Error>",
    'an error message of a server: "Session expired"': b'<soap:Envelope xmlns:soap="s"><soap:Body><soap:Fault>'
    b"<faultstring>Session expired</faultstring></soap:Fault></soap:Body></soap:Envelope>\n",
    "an XML document (orders)": b"\xef\xbb\xbf\n<?xml version='1.0'?>\n<!-- x --><orders><o id='1'/></orders>",
    "an image (SVG)": b'<svg xmlns="http://www.w3.org/2000/svg" width="1"><g/></svg>',
    "a Gnumeric spreadsheet": gzip.compress(b'<?xml version="1.0"?>\n<gnm:Workbook xmlns:gnm="g"><x/></gnm:Workbook>'),
    "a calendar": b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n",
    "an address book": b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:A\r\nEND:VCARD\r\n",
    "a spreadsheet in the Data Interchange Format": b'TABLE\r\n0,1\r\n"EXCEL"\r\nVECTORS\r\n0,2\r\n""\r\n',
    'an error message of a program: "Warning : mysql_connect(): refused"': b"<br />\n<b>Warning</b>: mysql_connect(): "
    b"refused<br />\nid,n\n1,2\n",
    'an error message of a server: "403 Forbidden no access"': b"HTTP/1.1 403 Forbidden\r\nA: b\r\n\r\n<p>no access",
}


@pytest.mark.parametrize("description", NOT_A_TABLE)
def test_it_is_named_by_its_kind(description: str, tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(NOT_A_TABLE[description])
    with pytest.raises(BadDataError) as caught:
        open_table(path)
    assert f"orders.csv is {description.removesuffix(', not')}" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("member", "content", "description"),
    [
        ("mimetype", "application/vnd.oasis.opendocument.text", "a LibreOffice text document"),
        ("Index/Document.iwa", "x", "an Apple Numbers"),
        ("ppt/slides/slide1.xml", "<x/>", "a PowerPoint presentation"),
        ("word/document.xml", "<x/>", "a Word document"),
    ],
)
def test_a_package_that_is_not_a_workbook_is_named(member: str, content: str, description: str, tmp_path: Path) -> None:
    path = tmp_path / "orders.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, content)
    with pytest.raises(BadDataError, match=f"orders.xlsx is {description}"):
        open_table(path)


@pytest.mark.parametrize(
    "text",
    [
        "BM,MZ,ORC\n1,2,3\n",
        "PAR1;RIFF\na;b\n",
        "<id>;<name>\n1;a\n2;b\n",
        "From: 2026-01-01\nTo: 2026-01-31\nSubject: sales\n\nid,n\n1,2\n3,4\n",
        "insert,into\n1,2\n",
        "# a comment\nset,use\n1,2\n",
        "404,Not Found\n405,Method Not Allowed\n",
        "status\nNot Found\n",
        "BEGIN,END\n1,2\n",
    ],
)
def test_a_table_that_only_begins_alike_is_read(text: str, tmp_path: Path, read: Callable[..., Read]) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(text)
    assert read(path)[1]


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\n\r\n",
        b"HTTP/2 200\ncontent-type: text/csv\n\n",
        b"HTTP/1.1 302 Found\r\nLocation: /b\r\n\r\nHTTP/1.1 200 OK\r\nServer: x\r\n\r\n",
    ],
)
def test_an_answer_saved_with_its_head_is_read_behind_it(
    head: bytes, tmp_path: Path, read: Callable[..., Read]
) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(head + b"id,n\r\n1,2\r\n3,4\r\n")
    assert read(path)[:2] == (["id", "n"], [["1", "2"], ["3", "4"]])
