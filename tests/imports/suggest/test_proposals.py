"""What is proposed for a column: the type that people see in it, accepted by the model, converting every value."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product
from zoneinfo import ZoneInfo

import pytest
from babel.dates import format_date, format_datetime

from systemscripts.configuration.column_schema import Column
from systemscripts.imports.suggest.column_profile import ColumnProfile
from systemscripts.imports.suggest.infer_types import Proposal, infer_columns, require_keys
from systemscripts.imports.values.convert_values import make_converter

pytestmark = pytest.mark.fast

LANGUAGES = ("en_US", "en_GB", "de", "de_AT", "fr", "es", "it", "pt", "nl", "da", "sv", "pl", "nb", "fi", "cs")
MOMENTS = [
    datetime(2024, 1, 1, 8, 5, 7, tzinfo=UTC) + timedelta(days=9 * n, hours=5 * n, microseconds=1234 * n)
    for n in range(80)
]


def propose(columns: dict[str, Sequence[str]], delimiter: str = "") -> list[Proposal]:
    profiles = [ColumnProfile(header) for header in columns]
    for profile, values in zip(profiles, columns.values(), strict=True):
        profile.add_values(values, range(2, len(values) + 2))
    return infer_columns(list(columns), profiles, delimiter)


def propose_one(values: Sequence[str], header: str = "value") -> Proposal:
    return propose({header: values})[0]


def convert_all(values: Sequence[str], proposal: Proposal) -> list[str | None]:
    """Convert a column as a load does; raise ValueError for a value that it would reject."""
    column = Column.model_validate(proposal.declared)
    convert, null = make_converter(column, ZoneInfo("UTC")), {*(column.null or ()), ""} - {*column.false_words}
    assert convert is not None
    return [None if value.strip() in null else convert(value) for value in values]


def write_number(number: Decimal, thousands: str, decimal: str) -> str:
    return f"{abs(number):,.2f}".replace(",", "_").replace(".", decimal).replace("_", thousands)


NUMBERS = [Decimal(n * n * 7919 - 10**6) / 100 for n in range(60)]


@pytest.mark.parametrize(("thousands", "decimal"), [(",", "."), (".", ","), (" ", ","), ("\u202f", ","), ("'", ".")])
@pytest.mark.parametrize(
    ("positive", "negative"),
    [
        ("{}", "-{}"), ("{}", "\u2212{}"), ("+{}", "- {}"), ("{}", "({})"), ("{}", "{}-"), ("${}", "-${}"),
        ("${}", "(${})"), ("$ {}", "$({})"), ("{}\u00a0€", "-{} €"), ("EUR {}", "EUR -{}"), ("{} kr.", "{}- kr."),
        ("{}%", "-{} %"), (" {} ", " ({}) "),
    ],
)  # fmt: skip
def test_numbers_are_numeric_in_every_spelling_and_converted_exactly(
    thousands: str, decimal: str, positive: str, negative: str
) -> None:
    written = [
        (negative if number < 0 else positive).format(write_number(number, thousands, decimal)) for number in NUMBERS
    ]
    proposal = propose_one(written)
    assert proposal.declared["type"] == "numeric" and not proposal.is_ambiguous, proposal
    assert [Decimal(text or "") for text in convert_all(written, proposal)] == NUMBERS


@pytest.mark.parametrize(
    ("values", "declared"),
    [
        (["1", "23", "-456"], {"type": "integer"}),
        (["1", "1234567890123"], {"type": "bigint"}),
        (["0.5", ".25", "3."], {"type": "numeric"}),
        (["1.5E-3", "2e5", "7"], {"type": "numeric"}),
        (["1,234,567", "12", "3,456"], {"type": "integer", "thousands": ","}),
        (["12,34,567", "1,23,456", "12"], {"type": "integer", "thousands": ","}),
        (["12,34,567.50", "99.00"], {"type": "numeric", "thousands": ","}),
        (["1.234.567", "12"], {"type": "integer", "thousands": "."}),
        (["1 234", "5\u00a0678", "9\u2009012", "12"], {"type": "integer", "thousands": " "}),
        (["1'234", "5\u2019678"], {"type": "integer", "thousands": "'"}),
        (["12 €", "7 €", "1 €"], {"type": "numeric", "currency": "€"}),
        (["USD 12.50", "7.00 USD"], {"type": "numeric", "currency": "USD"}),
        (["Rs.500.25", "Rs. 7.00"], {"type": "numeric", "currency": "Rs."}),
        (["12 %", "3%", "4"], {"type": "numeric", "percent": True}),
    ],
)
def test_numbers_are_declared_with_what_they_need(values: list[str], declared: dict[str, object]) -> None:
    proposal = propose_one(values)
    assert proposal.declared == declared
    assert None not in convert_all(values, proposal)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["1.234", "5.678", "12"], "numeric and as integer: point between thousands"),
        (["1,234", "5,678", "12"], "comma between thousands and as numeric: a comma before the decimals"),
    ],
)
def test_three_digits_after_one_mark_are_ambiguous(values: list[str], words: str) -> None:
    proposal = propose_one(values)
    assert proposal.is_ambiguous
    assert {"integer", "numeric"} & {str(proposal.declared["type"])}
    assert "between thousands" in proposal.reason and "AMBIGUOUS: reads as" in proposal.reason


def test_a_semicolon_between_fields_does_not_decide_about_a_comma() -> None:
    proposal = propose({"name": ["a", "b"], "quantity": ["1,234", "5,678"]}, ";")[1]
    assert proposal.is_ambiguous
    assert proposal.declared == {"type": "numeric", "decimal": ","}


@pytest.mark.parametrize(
    ("neighbour", "delimiter", "declared", "why"),
    [
        (["1,5", "2,25"], ",", {"type": "integer", "thousands": "."}, "price has decimal commas"),
        (["1.5", "2.25"], ";", {"type": "numeric"}, "price has decimal points"),
        (["a", "b"], ";", {"type": "integer", "thousands": "."}, "files with ; between fields have decimal commas"),
    ],
)
def test_the_rest_of_the_file_decides_about_a_mark_and_the_reason_says_so(
    neighbour: list[str], delimiter: str, declared: dict[str, object], why: str
) -> None:
    proposal = propose({"price": neighbour, "quantity": ["1.234", "5.678"]}, delimiter)[1]
    assert proposal.declared == declared
    assert why in proposal.reason and not proposal.is_ambiguous


@pytest.mark.parametrize(
    "values", [["12.-", "1.50"], ["12E4", "13E5"], ["1,5", "2.5"], ["5 kg", "7 kg"], ["00.5", "01.5"]]
)
def test_what_no_declaration_reads_stays_text(values: list[str]) -> None:
    assert propose_one(values).declared == {"type": "text"}


def test_several_currencies_in_one_column_stay_text() -> None:
    proposal = propose_one(["5.00 EUR", "6.00 USD", "7.00 EUR"])
    assert proposal.declared == {"type": "text"}
    assert "several currencies" in proposal.reason


NUMERIC_DATES = [
    "".join(parts)
    for order in ("dd{0}MM{0}yyyy", "MM{0}dd{0}yyyy", "yyyy{0}MM{0}dd", "d{0}M{0}yyyy", "M{0}d{0}yy", "dd{0}MM{0}yy")
    for mark, parts in ((mark, (order.format(mark),)) for mark in "/-. ")
]
CLOCKS = ("", " HH:mm", " H:mm:ss", " h:mm a", ", hh:mm:ss a", " HH:mm:ss.SSS", "'T'HH:mm:ss,SSSSSS", " HH:mm:ssXXX")


@pytest.mark.parametrize(("day", "clock"), [*product(NUMERIC_DATES, ("", " h:mm a")), *product(["dd/MM/yyyy"], CLOCKS)])
def test_dates_of_every_order_and_separator_are_read_as_they_were_written(day: str, clock: str) -> None:
    check_dates(day + clock, "en_US")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "pattern", ["d MMM yyyy", "dd-MMM-yy", "MMMM d, yyyy", "yyyy MMM dd", "EEE, d MMMM yyyy HH:mm"]
)
def test_names_of_months_are_read_in_many_languages(language: str, pattern: str) -> None:
    check_dates(pattern, language)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", ["short", "medium", "long", "full"])
def test_dates_that_babel_writes_are_read(language: str, width: str) -> None:
    written = [format_date(moment, width, locale=language) for moment in MOMENTS]
    proposal = propose_one(written)
    assert proposal.declared["type"] == "date", (written[0], proposal)
    assert convert_all(written, proposal) == [moment.date().isoformat() for moment in MOMENTS]


@pytest.mark.parametrize(
    ("values", "language"),
    [
        (["7 fev. 2020", "3 jan. 2020"], "pt"),
        (["7 janv. 2020"], "fr"),
        (["5-Okt-24", "9-Dez-24"], "de"),
        (["1 May 24"], "en"),
    ],
)
def test_the_language_is_the_one_that_writes_the_names_so(values: list[str], language: str) -> None:
    assert propose_one(values).declared.get("language", "en") == language


def check_dates(pattern: str, language: str) -> None:
    """Check that moments are proposed with the right type, and read as far as the pattern writes them."""
    written = [format_datetime(moment, pattern, locale=language) for moment in MOMENTS]
    proposal = propose_one(written)
    expected = "timestamptz" if "X" in pattern else "timestamp" if "mm" in pattern else "date"
    assert proposal.declared["type"] == expected and not proposal.is_ambiguous, (written[0], proposal)
    moments = [datetime.fromisoformat(text or "") for text in convert_all(written, proposal)]
    again = [format_datetime(moment, pattern, locale=language) for moment in moments]
    assert again == written and moments[5].date() == MOMENTS[5].date()


@pytest.mark.parametrize(
    ("values", "header", "declared"),
    [
        (["2026-01-05", "2025-12-31"], "x", {"type": "date"}),
        (["2026-01-05T14:30:09Z", "2025-12-31T01:02:03+01:00"], "x", {"type": "timestamptz"}),
        (["2026-01-05 14:30:09 +0100"], "x", {"type": "timestamptz"}),
        (["05.01.2026 14:30:09 UTC"], "x", {"type": "timestamptz", "formats": "dd.MM.yyyy HH:mm:ss XXX"}),
        (["2026-01-05 14:30:09.123456"], "x", {"type": "timestamp"}),
        (["20260105", "20251231"], "x", {"type": "date", "formats": "yyyyMMdd"}),
        (["20260105143009"], "x", {"type": "timestamp", "formats": "yyyyMMddHHmmss"}),
        (["20260105T143009Z"], "x", {"type": "timestamptz", "formats": "yyyyMMddTHHmmssXXX"}),
        (["20260105T143009"], "x", {"type": "timestamp", "formats": "yyyyMMddTHHmmss"}),
        (["130126", "140199"], "order_date", {"type": "date", "formats": "ddMMyy", "pivot": 69}),
        (["130126", "140126"], "x", {"type": "integer"}),
        (["05/01/46", "31/12/69"], "birthday", {"type": "date", "formats": "dd/MM/yy", "pivot": 27}),
        (["14:30", "08:05:59"], "x", {"type": "time"}),
        (["2:30 PM", "11:05 AM"], "x", {"type": "time", "formats": "h:mm a"}),
        (["13/01/2026", "14/01/2026 08:15"], "x", {"type": "timestamp", "formats": ["dd/MM/yyyy", "dd/MM/yyyy HH:mm"]}),
    ],
)
def test_dates_and_times_are_declared_with_what_they_need(
    values: list[str], header: str, declared: dict[str, object]
) -> None:
    proposal = propose_one(values, header)
    if header == "birthday":
        declared["pivot"] = datetime.now(UTC).year % 100 + 1
    assert proposal.declared == declared
    assert None not in convert_all(values, proposal)


def test_a_day_that_no_month_has_is_an_exception_with_its_line() -> None:
    values = [f"{1 + n % 28:02}/02/2026" for n in range(300)]
    values[7] = "29/02/2026"
    proposal = propose_one(values)
    assert "1 of 300 does not fit: '29/02/2026' line 9" in proposal.reason
    values[7] = "29/02/2024"
    assert "fit" not in propose_one(values).reason


@pytest.mark.parametrize("values", [["01/02/2026", "03/04/2026"], ["1-2-26", "3-4-26"], ["01/02/2026 10:00"]])
def test_both_readings_of_days_and_months_are_told(values: list[str]) -> None:
    proposal = propose_one(values)
    assert proposal.is_ambiguous
    assert convert_all(values, proposal)


def test_points_between_day_and_month_mean_day_first_only_in_files_with_decimal_commas() -> None:
    days = ["01.02.2026", "03.04.2026"]
    assert propose_one(days).is_ambiguous
    proposal = propose({"amount": ["1,50", "2,25"], "day": days})[1]
    assert proposal.declared == {"type": "date", "formats": "dd.MM.yyyy"}
    assert "day before month, as amount has decimal commas" in proposal.reason
    proposal = propose({"birthday": ["31.12.1999", "01.02.2000"], "day": days})[1]
    assert not proposal.is_ambiguous and "birthday has dMy" in proposal.reason


def test_an_impossible_day_makes_no_year_of_it() -> None:
    values = [f"{1 + n % 28:02}/{1 + n % 12:02}/2{n % 7}" for n in range(80)] + ["31/06/24", "31/02/24", "30/02/25"]
    proposal = propose_one(values)
    assert proposal.declared == {"type": "text"}
    assert "date dd/MM/yy 3 of 83 do not fit: '31/06/24' line 82" in proposal.reason


@pytest.mark.parametrize("values", [["Mo, 05.01.2026", "Di, 06.01.2026"], ["Mon 05/01/2026", "Tue 06/01/2026"]])
def test_the_weekday_decides_which_number_is_the_day(values: list[str]) -> None:
    proposal = propose_one(values)
    assert not proposal.is_ambiguous
    assert convert_all(values, proposal) == ["2026-01-05", "2026-01-06"]


@pytest.mark.parametrize(
    ("values", "word"),
    [(["45678", "45999"], "Excel"), (["1767225600", "1767225601"], "1970"), (["1767225600123"], "1970")],
)
def test_stamps_of_computers_stay_numbers_with_a_comment(values: list[str], word: str) -> None:
    proposal = propose_one(values, "created_at")
    assert proposal.declared["type"] in ("integer", "bigint")
    assert word in proposal.reason
    assert word not in propose_one(values, "weight").reason


@pytest.mark.parametrize(
    "pair",
    [
        "Y/N",
        "yes/no",
        "true/false",
        "T/F",
        "on/off",
        "Ja/Nein",
        "J/N",
        "oui/non",
        "O/N",
        "VRAI/FAUX",
        "sí/no",
        "sì/no",
        "S/N",
        "sim/não",
        "ja/nee",
        "ja/nej",
        "ja/nei",
        "Tak/Nie",
        "kyllä/ei",
        "ano/ne",
        "igen/nem",
        "da/nu",
        "evet/hayır",
    ],
)  # fmt: skip
def test_yes_and_no_are_booleans_in_many_languages(pair: str) -> None:
    yes, no = pair.split("/")
    values = [yes, no, "", yes]
    proposal = propose_one(values, "paid")
    assert proposal.declared["type"] == "boolean"
    assert convert_all(values, proposal) == ["true", "false", None, "true"]


def test_a_cross_or_nothing_is_a_boolean() -> None:
    proposal = propose_one(["x", "", "X", ""])
    assert convert_all(["x", "", "X", ""], proposal) == ["true", "false", "true", "false"]
    assert propose_one(["x", "x"]).declared == {"type": "text"}


def test_one_and_zero_are_booleans_only_where_the_header_asks() -> None:
    assert propose_one(["1", "0", "1"], "is_active").declared == {"type": "boolean"}
    assert propose_one(["1", "0", "1"], "goals").declared == {"type": "integer"}
    assert propose_one(["1", "0", "2"], "is_active").declared == {"type": "integer"}
    proposal = propose_one(["1", "0"] * 60 + ["maybe"], "is_active")
    assert proposal.declared == {"type": "boolean"} and "'maybe' line 122" in proposal.reason


@pytest.mark.parametrize("value", ["NO", "N", "S", "T", "ON"])
def test_a_word_that_is_no_answer_without_its_opposite_stays_text(value: str) -> None:
    assert propose_one([value, value, ""]).declared == {"type": "text"}


@pytest.mark.parametrize("mark", ["-", "n/a", "NULL", "\\N", "none", ".", "\u2014", " -- "])
def test_only_the_null_marks_that_occur_are_declared(mark: str) -> None:
    values = ["1.50", mark, "2.25", mark]
    proposal = propose_one(values)
    assert proposal.declared == {"type": "numeric", "null": [mark.strip()]}
    assert convert_all(values, proposal) == ["1.50", None, "2.25", None]
    assert propose_one(["abc", mark, "def"]).declared == {"type": "text"}


@pytest.mark.parametrize(
    ("values", "header", "why"),
    [
        (["00123", "10456"], "store", "leading zeros"),
        (["12345678901234567890", "1234567890123456789"], "parcel", "up to 20 digits"),
        (["10345678", "20345679", "30345677"], "article", "codes of 8 digits each"),
        (["90210", "10001"], "zip", "codes by its name"),
        (["2125550100", "2125550199"], "phone number", "codes by its name"),
        (["+4930123456", "+49891234567"], "contact", "phone numbers"),
        (["+49 30 123456", "030/1234567", "(212) 555-0100"], "contact", "phone numbers"),
        (["4006381333931", "9780306406157"], "article", "EAN with check digit"),
        (["DE89370400440532013000", "GB82 WEST 1234 5698 7654 32"], "account", "IBAN with check digits"),
        (["US0378331005", "DE0007164600"], "security", "ISIN with check digits"),
        (["HWUPKR0MPOU8FGXBT394", "529900T8BM49AURSDO55"], "party", "LEI with check digits"),
        (["AAPL", "BRK.B", "F", "T"], "security", "short codes of capitals"),
    ],
)
def test_codes_stay_text_and_say_so(values: list[str], header: str, why: str) -> None:
    proposal = propose_one(values, header)
    assert proposal.declared == {"type": "text"}
    assert why in proposal.reason


@pytest.mark.parametrize(
    ("values", "header"),
    [(["12345678", "23456789"], "revenue"), (["12500000", "23400000"], "x"), (["123456", "234567"], "x")],
)
def test_numbers_of_one_width_are_numbers_where_header_or_values_say_so(values: list[str], header: str) -> None:
    assert propose_one(values, header).declared == {"type": "integer"}


def test_a_type_that_99_of_100_fit_is_proposed_and_the_others_are_shown_by_line() -> None:
    values = [str(n) for n in range(200)]
    values[10], values[150] = "12x", "lots"
    proposal = propose_one(values)
    assert proposal.declared == {"type": "integer"}
    assert "2 of 200 do not fit: '12x' line 12, 'lots' line 152" in proposal.reason
    values[20] = "?!"
    proposal = propose_one(values)
    assert proposal.declared == {"type": "text"}
    assert proposal.reason == "text: as integer 3 of 200 do not fit: '12x' line 12, '?!' line 22, 'lots' line 152"


def test_only_keys_are_required() -> None:
    proposals = propose({"id": ["1", "2"], "day": ["2026-01-05", "2026-01-06"]})
    required = [one.column for one in require_keys(proposals, ["id"]) if one.declared.get("required")]
    assert required == ["id"]
