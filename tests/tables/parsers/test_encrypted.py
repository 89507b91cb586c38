"""Encrypted workbooks: those with Excel's default password are read, the others say what they need."""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import msoffcrypto.format.ooxml
import openpyxl
import pytest
import pyzipper

from systemscripts.errors import BadDataError, PasswordError
from systemscripts.tables.model import ReadingOptions
from systemscripts.tables.open_table import open_table
from systemscripts.tables.workbooks.sheets import list_sheet_names
from tests.conftest import Installation

Protect = Callable[[Path, str, bytes, str], Path]


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


def write_aes_zip(path: Path, name: str, content: bytes, password: str) -> Path:
    with pyzipper.AESZipFile(path, "w", compression=zipfile.ZIP_DEFLATED, encryption=pyzipper.WZ_AES) as packed:
        packed.setpassword(password.encode())
        packed.writestr(name, content)
    return path


def write_old_zip(path: Path, name: str, content: bytes, password: str) -> Path:
    """Write a zip with the encryption of PKWARE (APPNOTE.TXT 6.1), which most programs still use."""
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr(name, content)
    keys = [0x12345678, 0x23456789, 0x34567890]

    def update(byte: int) -> None:
        keys[0] = ~zlib.crc32(bytes([byte]), ~keys[0] & 0xFFFFFFFF) & 0xFFFFFFFF
        keys[1] = ((keys[1] + (keys[0] & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
        keys[2] = ~zlib.crc32(bytes([keys[1] >> 24]), ~keys[2] & 0xFFFFFFFF) & 0xFFFFFFFF

    def encrypt(plain: bytes) -> bytes:
        result = bytearray()
        for byte in plain:
            mask = (keys[2] | 2) & 0xFFFF
            result.append(byte ^ (((mask * (mask ^ 1)) >> 8) & 0xFF))
            update(byte)
        return bytes(result)

    for byte in password.encode():
        update(byte)
    checksum = zlib.crc32(content)
    encrypted = encrypt(os.urandom(11) + bytes([checksum >> 24]) + content)
    whole = bytearray(path.read_bytes())
    start = 30 + len(name)
    directory = whole.index(b"PK\x01\x02")
    changed = whole[:start] + encrypted + whole[start + len(content) :]
    struct.pack_into("<H", changed, 6, 1)
    struct.pack_into("<I", changed, 18, len(encrypted))
    struct.pack_into("<H", changed, directory + 12 + 8, 1)
    struct.pack_into("<I", changed, directory + 12 + 20, len(encrypted))
    end = changed.index(b"PK\x05\x06")
    struct.pack_into("<I", changed, end + 16, directory + 12)
    path.write_bytes(changed)
    return path


def encrypt_workbook(path: Path, name: str, content: bytes, password: str) -> Path:
    return encrypt_file(path.with_suffix(".xlsx"), password)


@pytest.mark.parametrize("protect", [encrypt_workbook, write_aes_zip, write_old_zip])
def test_a_protected_file_is_read_with_one_of_the_passwords_of_the_import(tmp_path: Path, protect: Protect) -> None:
    path = protect(tmp_path / "list.zip", "list.csv", b"id,n\n1,2\n", "s\u00e9cret")
    # more than 256 wrong ones, of which the old encryption lets some through
    wrong = [f"wrong{number}" for number in range(300 if protect is write_old_zip else 2)]
    with open_table(path, ReadingOptions(passwords=(*wrong, "s\u00e9cret"))) as table:
        assert table.columns == ["id", "n"]
        assert [bytes(record).strip() for block in table.blocks() for record in block.records] == [b"1,2"]
    with pytest.raises(
        PasswordError, match=rf"{path.name} is protected by a password, and none of the import opens it"
    ):
        open_table(path, ReadingOptions(passwords=tuple(wrong[:2])))
    with pytest.raises(BadDataError, match=r"is protected by a password. Ask the sender .* or set reading.password"):
        open_table(path)


def test_a_protected_workbook_within_a_protected_zip_is_read(tmp_path: Path) -> None:
    inner = encrypt_file(tmp_path / "list.xlsx", "inner")
    path = write_aes_zip(tmp_path / "list.zip", "list.xlsx", inner.read_bytes(), "outer")
    with open_table(path, ReadingOptions(passwords=("inner", "outer"))) as table:
        assert table.columns == ["id", "n"]


def test_a_file_waits_for_its_password_and_the_others_are_loaded(installation: Installation) -> None:
    installation.write_settings(SOURCE_ZIP_PASSWORD="the-wrong-one")
    installation.configure(
        "orders", file_pattern=r"orders.*", load_mode="append", reading={"password": "${SOURCE_ZIP_PASSWORD}"}
    )
    folder = installation.data / "file_watcher"
    path = write_aes_zip(folder / "orders_1.zip", "orders.csv", b"id\n1\n", "the-right-one")
    os.utime(path, (1_700_000_000, 1_700_000_000))
    installation.drop("orders_2.csv", "id\n2\n")
    done = installation.run("generic_import", "orders")
    assert done.returncode == 78
    assert done.stderr.count("orders_1.zip is protected by a password") == 1
    assert "the-wrong-one" not in done.stdout + done.stderr + installation.read_logs()
    assert path.exists()
    assert installation.sql("select id from public.orders_current") == [("2",)]
    installation.write_settings(SOURCE_ZIP_PASSWORD="the-right-one")
    assert installation.run("generic_import", "orders").returncode == 0
    assert not path.exists()
    assert sorted(installation.sql("select id from public.orders_current")) == [("1",), ("2",)]
