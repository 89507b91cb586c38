"""Legacy encodings are recognised by how their words are spelled, in small and large columns."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from systemscripts.tables.open_table import open_table
from systemscripts.tables.text import encodings

# About forty names of places and currencies in each language, from Unicode's CLDR.
WORDS: dict[str, list[str]] = json.loads(Path(__file__).parents[1].joinpath("words.json").read_text(encoding="utf-8"))
ENCODINGS = {
    "cp1252": ("de", "fr", "es", "pt", "nl", "sv", "da", "nb", "fi", "is", "it"),
    "cp850": ("de", "fr", "es", "sv", "da"),
    "mac-roman": ("de", "fr", "es"),
    "cp1250": ("cs", "sk", "pl", "hu", "sl", "hr"),
    "iso8859-2": ("cs", "sk", "pl", "hu"),
    "cp852": ("cs", "pl"),
    "cp1254": ("tr",),
    "cp1257": ("lv", "lt", "et"),
    "cp1251": ("ru", "uk", "bg"),
    "koi8-r": ("ru",),
    "cp866": ("ru",),
    "cp1253": ("el",),
    "cp1255": ("he",),
    "cp1256": ("ar",),
    "cp874": ("th",),
    "cp932": ("ja",),
    "euc-jp": ("ja",),
    "gb18030": ("zh",),
    "big5": ("zh_Hant",),
    "cp949": ("ko",),
}


def test_eight_names_are_enough_for_nearly_every_language_and_encoding(tmp_path: Path) -> None:
    right = wrong_and_silent = warned = 0
    columns = list(_make_columns(8, seed=20))
    for text, encoding in columns:
        decoded, is_guess = _read_file(tmp_path, text, encoding)
        right += decoded == text
        warned += decoded == text and is_guess
        wrong_and_silent += decoded != text and not is_guess
    assert right >= 0.98 * len(columns)
    assert warned <= 0.05 * len(columns)
    assert wrong_and_silent <= 0.01 * len(columns)


def test_forty_names_are_read_right_without_a_word(tmp_path: Path) -> None:
    for text, encoding in _make_columns(40, seed=21):
        assert _read_file(tmp_path, text, encoding) == (text, False), encoding


# (encoding, header, names, amounts): hardly any accents beside many signs
AMOUNTS = [
    ("cp1252", "Date;Client;Payé", ("Lefèvre", "Martin"), ("1\xa0234,5{} €", "-7\xa0{}12,50 €")),
    ("cp1252", "Date;Name;Paid", ("Smith", "Jones"), ("£1,{}34.50", "-£5{}.20")),
    ("cp1252", "Datum;Name;Betrag", ("Meyer", "Smith"), ("1.234,5{} €", "23,{}0 €")),
    ("cp1252", "Datum;Ort;Wert", ("Bonn", "Trier"), ("{}2 °C", "1{} °C")),
    ("iso8859-15", "Date;Nom;Montant", ("Lefèvre", "Zoé"), ("1 234,5{} €", "23,{}0 €")),
    ("cp1250", "Data;Klient;Kwota", ("Nowak", "Kowalska"), ("1\xa0234,5{} zł", "23,{}0 zł")),
    ("cp1251", "Дата;Клиент;Сумма", ("Иванов", "Петров"), ("1\xa0234,5{} р.", "23,{}0 р.")),
    ("cp1253", "Ημέρα;Πελάτης;Ποσό", ("Παπαδόπουλος", "Νίκος"), ("1.234,5{} €", "23,{}0 €")),
    ("cp1255", "תאריך;לקוח;סכום", ("כהן", "לוי"), ("₪1,234.5{}", "₪{}.00")),
]


@pytest.mark.parametrize(("encoding", "header", "names", "amounts"), AMOUNTS, ids=[amount[1] for amount in AMOUNTS])
def test_a_currency_after_every_number_outweighs_no_letters(
    tmp_path: Path, encoding: str, header: str, names: tuple[str, str], amounts: tuple[str, str]
) -> None:
    rows = [f"2026-01-{n % 28 + 1:02};{names[n % 2]};{amounts[n % 2].format(n)}\n" for n in range(40)]
    text = "".join([f"{header}\n", *rows])
    assert _read_file(tmp_path, text, encoding) == (text, False)


def _make_columns(count: int, seed: int) -> Iterator[tuple[str, str]]:
    """Yield small files, each with `count` names of one language, and the encoding to write them in."""
    draw = random.Random(seed)
    for encoding, languages in ENCODINGS.items():
        for language in languages:
            words = [word for word in WORDS[language] if _can_be_written(word, encoding)]
            for _ in range(4):
                chosen = draw.sample(words, min(count, len(words)))
                yield "id;name\n" + "".join(f"{number};{word}\n" for number, word in enumerate(chosen)), encoding


def _can_be_written(word: str, encoding: str) -> bool:
    try:
        word.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _read_file(folder: Path, text: str, encoding: str) -> tuple[str, bool]:
    """Return the text in the detected encoding, and whether that is reported as a guess."""
    path = folder / "names.csv"
    path.write_bytes(text.encode(encoding))
    with open_table(path) as table:
        is_guess = any(notice.code == "encoding_guessed" for notice in table.warnings)
        return path.read_bytes().decode(table.detected.encoding or "utf-8", errors="replace"), is_guess


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"item,price\npear,\xa35\nplum,\xa312\n", "£5"),
        (b"size;unit\n1;\xb5m\n2;\xb5g\n", "µm"),
        (b"room;temp\n1;21 \xb0C\n2;-4 \xb0C\n", "21 °C"),
        (b"name;note\nZo\xeb;80 \xb1 5 %\n", "Zoë"),
        (b"product;mark\nWidget;Acme\xae\nGadget;Beta\x99\n", "Acme®"),
        (b"text\nsaid \x93yes\x94 \x96 and left\n", "said “yes” – and left"),
    ],
)
def test_a_single_sign_or_letter_is_read_as_in_windows_1252(tmp_path: Path, content: bytes, expected: str) -> None:
    path = tmp_path / "signs.csv"
    path.write_bytes(content)
    with open_table(path) as table:
        assert expected in content.decode(table.detected.encoding or "")
        assert table.warnings == []


@pytest.mark.parametrize(
    ("words", "encoding"),
    [("Pjöngjang Réunion", "mac-roman"), ("Réunion Köln", "mac-roman"), ("Pérou Börse", "mac-roman"),
     ("Réunion Zürich", "cp850"), ("GRÖßE MÜNCHEN", "cp1252")],
)  # fmt: skip
def test_no_word_has_a_capital_between_its_first_letter_and_small_ones(
    tmp_path: Path, words: str, encoding: str
) -> None:
    text = "id;name\n" + "".join(f"{number};{word}\n" for number, word in enumerate(words.split()))
    assert _read_file(tmp_path, text, encoding) == (text, False)


def test_what_fits_two_encodings_is_reported_with_both(tmp_path: Path) -> None:
    path = tmp_path / "short.csv"
    path.write_bytes("name\nMaurīcija\n".encode("cp1257"))
    with open_table(path) as table:
        [notice] = [notice for notice in table.warnings if notice.code == "encoding_guessed"]
    assert "cp1252" in notice.text
    assert "cp1257" in notice.text


def test_the_time_grows_with_the_size_and_not_with_the_length_of_lines() -> None:
    def seconds(size: int, line: int) -> float:
        data = (b"x" * line + b"\n") * (size // line) + b"caf\xe9\n"
        start = time.process_time()
        encodings.detect_encoding(data[:4096], False, lambda start: iter([data]), None)
        return time.process_time() - start

    encodings.detect_encoding(b"\xe9", False, lambda start: iter([b"caf\xe9\n"]), None)
    short = min(seconds(2**20, 1000) for _ in range(3))
    long = min(seconds(2**23, 8000) for _ in range(3))
    assert long < 12 * short + 0.05
