"""Declared columns: converted, checked, rejected by row with a reason that a client understands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from systemscripts.configuration import ImportConfig, yaml_documents
from tests.conftest import Installation

HEADER = "id,email,sent,amount,flag,note\n"
SCHEMA: dict[str, Any] = {
    "id": "integer",
    "email": {"type": "text", "checks": {"email": True}, "required": True},
    "sent": {"type": "timestamp", "formats": "dd/MM/yyyy HH:mm"},
    "amount": {"type": "numeric", "decimal": ",", "thousands": "."},
    "flag": {"type": "boolean", "null": ["-"]},
}

AGAIN = "Deliver a corrected file; or after a change here: "


def load(installation: Installation, content: str, name: str = "orders.csv", **columns: object) -> dict[str, Any]:
    installation.configure("orders", load_mode="append", **({"schema": SCHEMA} | columns))
    installation.drop(name, content)
    return installation.summary("generic_import", "orders")


def rejects(installation: Installation) -> list[tuple[Any, ...]]:
    return installation.sql("select source_row, column_name, value, reason, raw_row from dba.trejectedrow order by 1")


def test_values_arrive_in_their_types(installation: Installation) -> None:
    load(installation, HEADER + '1,a@b.co,05/01/2026 07:30,"1.234,50",yes,007\n2,c@d.org,,,-,\n')
    assert installation.sql(
        "select id, email, sent::text, amount::text, flag, note from public.orders order by source_row"
    ) == [(1, "a@b.co", "2026-01-05 07:30:00", "1234.50", True, "007"), (2, "c@d.org", None, None, None, None)]
    types = dict(
        installation.sql("select column_name, data_type from information_schema.columns where table_name = 'orders'")
    )
    assert types["sent"] == "timestamp without time zone"
    assert types["note"] == "text"


def test_a_required_value_that_is_missing_in_the_last_row_alone_is_rejected(installation: Installation) -> None:
    schema = {"amount": {"type": "integer", "required": True}, "sent": {"type": "date", "required": True}}
    lines = [f"{number},2026-01-05" for number in range(100)]
    for number, last in enumerate(("7,", ",2026-01-05")):
        name = f"orders_{number}.csv"
        counts = load(installation, "\n".join(["amount,sent", *lines, last, ""]), name, schema=schema)["counts"]
        assert (counts["loaded"], counts["rejected"]) == (100, 1)
    reasons = sorted((row[0], row[3]) for row in rejects(installation))
    assert reasons == [(102, "amount: must not be empty"), (102, "sent: must not be empty")]


def test_each_bad_row_is_rejected_with_its_line_column_and_reason(installation: Installation) -> None:
    good = "".join(f"{n},a{n}@b.co,05/01/2026 07:30,1,true,x\n" for n in range(3, 300))
    bad = '12x,a@b.co,,1,true,x\n1,nobody,,1,true,x\n2,a@b.co,31/02/2026 07:30,1,true,x\n4,a@b.co,,"1,2,3",true,x\n'
    bad += "5,,,1,true,x\n6,a@b.co,today,1,true,x\n7,a@b.co,,NaN,true,x\n8,a@b.co,,1,maybe,x\n9,a@b.co\n"
    summary = load(installation, HEADER + good + bad)
    counts = summary["counts"]
    assert (counts["read"], counts["loaded"], counts["rejected"]) == (306, 297, 9)
    found = rejects(installation)
    assert [row[0] for row in found] == list(range(299, 308))
    assert [row[1] for row in found] == ["id", "email", "sent", "amount", "email", "sent", "amount", "flag", None]
    assert found[0][2:4] == ("12x", "id: '12x' is not a whole number")
    assert "31/02/2026" in found[2][3]
    assert "dd/MM/yyyy HH:mm" in found[2][3]
    assert found[4][3] == "email: must not be empty"
    assert found[8][3] == "has 2 values, expected 6"
    assert found[0][4] == "12x,a@b.co,,1,true,x"


def test_undeclared_columns_are_text_dropped_or_json(installation: Installation) -> None:
    load(installation, "id,extra,more\n1,a,b\n", schema={"id": "integer"})
    assert installation.sql("select id, extra, more from public.orders") == [(1, "a", "b")]
    options = {"schema": {"id": "integer"}, "extras_json": "other", "target_table": "public.as_json"}
    load(installation, "id,extra,more\n2,a,\n", **options)
    assert installation.sql("select id, other from public.as_json") == [(2, {"extra": "a"})]
    strict = {"schema": {"id": "integer"}, "strict_mode": True, "extras_json": "", "target_table": "public.strict"}
    summary = load(installation, "id,extra,more\n3,a,b\n", **strict)
    assert [row[0] for row in installation.sql("select to_jsonb(s) - 'dataset_id' from public.strict s")] == [
        {"source_row": 2, "id": 3}
    ]
    assert any("extra, more" in text for text in summary["warnings"])


def test_defaults_renames_and_missing_columns(installation: Installation) -> None:
    schema = {"id": {"type": "integer", "rename": "number"}, "land": {"default": "ZA"}, "code": "text"}
    load(installation, "ID\n1\n", schema=schema, columns={"missing": "take"})
    assert installation.sql("select number, land, code from public.orders") == [(1, "ZA", None)]
    schema["code"] = {"required": True}
    summary = load(installation, "ID\n2\n", schema=schema)
    assert "required columns are missing: code" in summary["problems"][0]


def test_row_check_range_one_of_regex_and_lookup(installation: Installation) -> None:
    installation.sql("create table public.known (code text); insert into public.known values ('A'), ('B')")
    schema = {
        "price": "numeric", "quantity": "integer", "total": "numeric",
        "grade": {"type": "integer", "checks": {"range": [1, 5]}},
        "size": {"checks": {"one_of": ["S", "M"]}},
        "sku": {"checks": {"regex": "[A-Z]{2}\\d", "form": "of two capitals and a digit"}},
        "code": {"checks": {"lookup": "public.known.code"}},
        "slow": {"checks": {"regex": "(a|aa)+"}},
    }  # fmt: skip
    content = "price,quantity,total,grade,size,sku,code,slow\n1.10,3,3.30,5,S,AB1,A,aaa\n1.10,3,3.31,5,S,AB1,A,\n"
    content += "1,1,1,6,S,AB1,A,\n1,1,1,1,L,AB1,A,\n1,1,1,1,S,ab1,A,\n1,1,1,1,S,AB1,C,\n"
    content += f"1,1,1,1,S,AB1,A,{'a' * 100}!\n1,1,1,1,S,AB1,A,{'a' * 100_000}\n"
    load(installation, content, schema=schema, row_checks=["total = price * quantity"], max_reject_rate=1)
    reasons = [row[3] for row in rejects(installation)]
    assert reasons == [
        "total = price * quantity does not hold: 3.31 is not 3.30",
        "grade: '6' is outside 1 to 5",
        "size: 'L' is not one of S, M",
        "sku: 'ab1' does not have the form of two capitals and a digit",
        "code: 'C' is not a known value",
        "slow: takes more than 1 s to compare, and is not compared with the form that is agreed",
        "slow: has more than 10,000 letters, and is not compared with the form that is agreed",
    ]


def test_a_lookup_compares_values_of_the_declared_type(installation: Installation) -> None:
    installation.sql(
        """create table public.known (id integer, price numeric(8, 2), at timestamp, code text);
           insert into public.known values (1, 2.50, '2026-03-02 10:00', 'A'), (7, 3, '2026-03-02 11:30:00.5', '7')"""
    )
    schema = {
        "id": {"type": "integer", "checks": {"lookup": "public.known.id"}},
        "price": {"type": "numeric", "checks": {"lookup": "public.known.price"}},
        "at": {"type": "timestamp", "checks": {"lookup": "public.known.at"}},
        "code": {"type": "bigint", "checks": {"lookup": "public.known.code"}},
    }
    content = "id,price,at,code\n01,2.5,2026-03-02 10:00:00,7\n+1,3.000,2026-03-02 11:30:00.500,07\n"
    content += "10,2.5,2026-03-02 10:00:00,7\n1,2.51,2026-03-02 10:00:00,7\n1,3,2026-03-02 10:00:01,7\n"
    summary = load(installation, content, schema=schema, max_reject_rate=1)
    assert summary["counts"]["loaded"] == 2
    assert [row[3] for row in rejects(installation)] == [
        "id: '10' is not a known value",
        "price: '2.51' is not a known value",
        "at: '2026-03-02 10:00:01' is not a known value",
    ]


def test_rows_that_are_no_data_are_skipped_and_counted(installation: Installation) -> None:
    reading = {"skip_if": {"id": ["Total"]}, "null_markers": ["n/a"]}
    summary = load(installation, "id,note\n1,n/a\nTotal,1\n", schema={"id": "integer"}, reading=reading)
    assert summary["counts"] == {"read": 2, "loaded": 1, "rejected": 0, "skipped": 1, "held": 0}
    assert installation.sql("select id, note from public.orders") == [(1, None)]


def test_a_rule_of_several_columns_skips_the_rows_that_fit_all_of_them(installation: Installation) -> None:
    reading = {"skip_if": [{"id": "* total", "note": ""}, {"id": [r"\*", "sum"]}]}
    rows = ["North total,", "North total,x", "total,", "*,x", "**,x", "sum,x", "summary,x"]
    summary = load(installation, "id,note\n" + "\n".join(rows) + "\n", schema={}, reading=reading)
    assert summary["counts"] == {"read": 7, "loaded": 4, "rejected": 0, "skipped": 3, "held": 0}
    stored = installation.sql("select id from public.orders order by source_row")
    assert stored == [("North total",), ("total",), ("**",), ("summary",)]


def test_another_header_is_another_layout(installation: Installation) -> None:
    options = {"schema": {}, "exact_header": ["Fecha envio", "Opens"]}
    assert load(installation, "Fecha envío,Opens\nx,1\n", **options)["counts"]["loaded"] == 1
    summary = load(installation, "Opens,Fecha envio\n1,x\n", name="orders2.csv", **options)
    assert "unexpected layout: expected the header Fecha envio,Opens, found Opens,Fecha envio" in summary["problems"][0]
    assert "in another order: column 1 is 'Opens', not 'Fecha envio'" in summary["problems"][0]
    summary = load(installation, "Fecha envío,Opnes,Clicks\nx,1,2\n", name="orders3.csv", **options)
    assert "; missing: 'Opens'; not expected: 'Opnes' (column 2), 'Clicks' (column 3)" in summary["problems"][0]


def test_a_type_is_never_changed_in_passing(installation: Installation) -> None:
    load(installation, "id\n1\n", schema={})
    done = installation.run("generic_import", "orders")
    installation.configure("orders", schema={"id": "integer"})
    installation.drop("orders2.csv", "id\n2\n")
    done = installation.run("generic_import", "orders")
    assert done.returncode == 78
    assert "column id of public.orders is text, but declared as integer" in done.stderr
    assert installation.list_waiting() == ["orders2.csv"]


def test_values_that_look_like_our_own_marks_arrive_unharmed(installation: Installation) -> None:
    odd = '\\N,\\.,"a\x1fb","c\x1ed","line\nbreak","""quoted"""'
    load(installation, "a,b,c,d,e,f,g\n" + odd + ",1\n", schema={"g": "integer"})
    assert installation.sql("select a, b, c, d, e, f from public.orders") == [
        ("\\N", "\\.", "a\x1fb", "c\x1ed", "line\nbreak", '"quoted"')
    ]


def test_a_file_of_another_kind_is_another_layout(installation: Installation) -> None:
    load(installation, '[{"id": 1}]', schema={}, file_type="csv")
    said = "unexpected layout: orders.csv contains json, but the import expects csv."
    hint = "Ask the sender for that format, or set file_type: auto."
    [(status, reason)] = installation.sql("select status, reason from dba.tfile")
    assert (status, reason.startswith(f"{said} {hint} {AGAIN}")) == ("refused", True), reason
    assert reason.endswith("etl import orders --retry-refused")
    loaded = load(installation, "<table><tr><th>id</th></tr><tr><td>1</td></tr></table>", schema={}, file_type="xls")
    assert [row["state"] for row in loaded["rows"]] == ["loaded"]


def test_an_empty_file_lacks_the_demanded_header(installation: Installation) -> None:
    installation.configure("orders", load_mode="append", exact_header=["id", "name"])
    for number, content in enumerate(("", "\n\n")):
        installation.drop(f"orders_{number}.csv", content)
    done = installation.run("generic_import", "orders")
    assert done.returncode == 65
    assert done.stdout.count("is refused: the file is empty, expected the header id,name") == 2
    installation.configure("orders", guards={"allow_empty": True})
    installation.drop("orders_3.csv", "")
    assert installation.summary("generic_import", "orders")["rows"][0]["state"] == "loaded"
    assert installation.run("generic_import", "orders").returncode == 0


SPELLED = """
file_pattern: orders.*
target_table: public.orders
reading: {decimal: ',', thousands: '.', currency: [€, EUR], negative: after, language: de, true: Ja, false: [Nein, '']}
schema:
  id: integer
  amount: numeric
  dollars: {type: numeric, thousands: ',', currency: $, negative: brackets, null: ['-']}
  share: {type: numeric, percent: true}
  day: {type: date, formats: [d. MMMM yyyy, d. MMM yy], pivot: 30}
  at: {type: timestamptz, formats: 'EEE d MMM yyyy hh:mm:ss a XXX', language: en}
  paid: boolean
  sent: {type: boolean, true: [x, true]}
"""


def test_declared_spellings_of_an_import_and_of_its_columns_arrive_as_values(installation: Installation) -> None:
    document = yaml_documents.parse_document(Path("orders.yaml"), SPELLED.encode())
    config = yaml_documents.validate_document(document, ImportConfig, config_name="orders")
    dumped = config.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    header = "id;amount;dollars;share;day;at;paid;sent\n"
    good = [
        "1.000;1.234,50- €;$1,234.50;12,5%;5. März 2026;Mon 5 Jan 2026 12:30:00 AM +02:00;ja;x\n",
        "2;EUR 5;(45.00);-3 %;6. Dez. 29;;;\n",
        "3;;-;;6. Dez. 30;;Nein;TRUE\n",
    ]
    bad = ["4;$5;;;;;;\n", "5;;€5;;;;;\n", "6;;;;;;yes;\n", "7;;;;;;;Nein\n", "8;;;;5. March 2026;;;\n"]
    load(
        installation, "".join([header, *good, *bad]), schema=dumped["schema"], reading=dumped["reading"],
        max_reject_rate=1,
    )  # fmt: skip
    assert installation.sql(
        "select id, amount::text, dollars::text, share::text, day::text, (at at time zone 'UTC')::text, paid, sent "
        "from public.orders order by source_row"
    ) == [
        (1000, "-1234.50", "1234.50", "12.5", "2026-03-05", "2026-01-04 22:30:00", True, True),
        (2, "5", "-45.00", "-3", "2029-12-06", None, False, None),
        (3, None, None, None, "1930-12-06", None, False, True),
    ]  # fmt: skip
    assert [row[3] for row in rejects(installation)] == [
        "amount: '$5' is not a number", "dollars: '€5' is not a number", "paid: 'yes' is not one of 'Ja', 'Nein', ''",
        "sent: 'Nein' is not one of 'x', 'true'",
        "day: '5. March 2026' is not a date of the form d. MMMM yyyy or d. MMM yy",
    ]  # fmt: skip
