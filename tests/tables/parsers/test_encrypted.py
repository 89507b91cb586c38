"""Encrypted workbooks: those with Excel's default password are read, the others say what they need."""

from __future__ import annotations

import io
from pathlib import Path

import msoffcrypto.format.ooxml
import openpyxl
import pytest

from systemscripts.errors import BadDataError
from systemscripts.tables.open_table import open_table
from systemscripts.tables.workbooks.sheets import list_sheet_names


def encrypt_file(path: Path, password: str) -> Path:
    book = openpyxl.Workbook()
    book.active.append(["id", "n"])
    book.active.append(["1", "2"])
    book.create_sheet("Other")
    plain = io.BytesIO()
    book.save(plain)
    plain.seek(0)
    with path.open("wb") as file:
        msoffcrypto.format.ooxml.OOXMLFile(plain).encrypt(password, file)
    return path


def test_a_workbook_with_the_password_that_excel_sets_by_itself_is_read(tmp_path: Path) -> None:
    path = encrypt_file(tmp_path / "list.xlsx", "VelvetSweatshop")
    with open_table(path) as table:
        assert (table.columns, [record for block in table.blocks() for record in block.records]) == (
            ["id", "n"],
            [b"1,2"],
        )
    assert list_sheet_names(path) == ["Sheet", "Other"]


def test_one_with_a_password_of_its_own_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadDataError, match=r"list.xlsx is protected by a password. Ask the sender"):
        open_table(encrypt_file(tmp_path / "list.xlsx", "secret"))


def test_one_with_managed_rights_or_damage_does_not_speak_of_a_password(tmp_path: Path) -> None:
    path = encrypt_file(tmp_path / "list.xlsx", "secret")
    whole = path.read_bytes()
    path.write_bytes(whole + "DRMEncryptedTransform".encode("utf-16-le"))
    with pytest.raises(BadDataError, match="protected by rights management"):
        open_table(path)
    path.write_bytes(whole.replace("EncryptionInfo".encode("utf-16-le"), "EncryptionXnfo".encode("utf-16-le")))
    with pytest.raises(BadDataError, match="is encrypted, and either damaged or encrypted in an unknown way"):
        open_table(path)
