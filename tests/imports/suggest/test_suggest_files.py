"""What suggest_import.py writes is short and fits the next file; an import that exists is compared."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from systemscripts import configuration
from systemscripts.configuration import ImportConfig, yaml_folders
from systemscripts.imports.suggest import suggest_files
from systemscripts.summary import Summary
from tests.conftest import Installation

ROWS = "Invoice No,Client,Sent,Amount,Flag\n" + "".join(
    f'{n + 1000},Client {n % 7},{n % 28 + 1}.01.2026,"1.{n:03},50 €",yes\n' for n in range(40)
)
TOTAL = 'Total,,,"40.800,00 €",\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(yaml_folders, "list_folders", lambda part: [tmp_path])
    return tmp_path


def suggest(path: Path, content: str, *more: str) -> Summary:
    path.write_text(content)
    return suggest_files.suggest_import([path, *map(Path, more)], "", None)


def test_the_last_word_is_the_name_and_the_printed_commands_can_be_pasted(folder: Path) -> None:
    path = folder / "Bob's $HOME invoices (1).csv"
    summary = suggest(path, ROWS, "invoices")
    assert (folder / "invoices.yaml").exists()
    assert [word for step in summary.next_steps for word in shlex.split(step) if "Bob" in word] == [str(path)] * 2


def test_what_is_usual_is_left_out_and_every_line_says_why(folder: Path) -> None:
    suggest(folder / "invoices_202601.csv", ROWS + TOTAL, "invoices")
    text = (folder / "invoices.yaml").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    keys = [line.partition(":")[0] for line in lines]
    assert keys == [
        "file_pattern", "target_table", "dateconfig", "datelocation", "dateformat", "key_columns", "reading",
        "  skip_if", "  - {invoice_no", "schema", "  invoice_no", "  client", "  sent", "  amount", "  flag", "expect",
    ]  # fmt: skip
    assert (
        "- {invoice_no: Total, client: '', sent: '', flag: ''}   # the sum of amount, row 42: Total | 40.800,00 €"
        in text
    )
    assert "# also invoices_202602.csv, invoices_202601 (1).csv, invoices_202603.csv.gz" in text
    assert text.count("# QUESTION: ") == 1


def test_a_column_with_two_meanings_is_the_first_question(folder: Path) -> None:
    suggest(folder / "visits.csv", "visit,seen\n1,03/04/2026\n2,05/04/2026\n", "visits")
    text = (folder / "visits.yaml").read_text()
    assert "# QUESTION: seen reads as date dd/MM/yyyy and as date MM/dd/yyyy, ask the client\n" in text
    assert text.count("# QUESTION: ") == 1


def test_the_next_file_loads_with_its_date_and_a_client_called_total(
    installation: Installation, tmp_path: Path
) -> None:
    path = tmp_path / "Invoices KW05 2026 (1).csv"
    path.write_text(ROWS + TOTAL)
    output = tmp_path / "invoices.yaml"
    suggest_files.suggest_import([path], "invoices", output)
    config = configuration.validate_document(configuration.read_document(output), ImportConfig, config_name="invoices")
    values = config.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    del values["config_name"], values["target_table"]
    installation.configure("invoices", **values)
    later = ROWS.replace("1000,", "Total,").replace("1001,Client 1", "1001,Total") + TOTAL
    installation.drop("Invoices KW06 2026.csv", later)
    summary = installation.summary("generic_import", "invoices")
    assert summary["counts"] == {"read": 41, "loaded": 39, "rejected": 1, "skipped": 1, "held": 0}, summary
    assert installation.sql("select dataset_date::text from dba.tdataset") == [("2026-02-02",)]
    assert installation.sql("select amount::text from public.invoices where client = 'Total'") == [("1001.50",)]


def test_another_import_that_the_file_fits_too_is_told(folder: Path) -> None:
    (folder / "bills.yaml").write_text("file_pattern: 'invoices.*'\ntarget_table: public.bills\n")
    (folder / "broken.yaml").write_text("file_pattern: '('\n- x")
    lines = suggest(folder / "invoices_1.csv", ROWS, "invoices").details
    assert [line for line in lines if "not loaded: invoices_1.csv fits" in line and "bills.yaml too" in line]


@pytest.mark.parametrize("content", ["id,name\n", 'id,"What, in\n\nwords?"\n1,x\n', "a\n1\n2\n", "id,name\n1,x,y\n"])
def test_small_and_odd_files_have_a_valid_proposal_too(folder: Path, content: str) -> None:
    suggest(folder / "things.csv", content)
    configuration.validate_document(
        configuration.read_document(folder / "things.yaml"), ImportConfig, config_name="things"
    )


def test_an_import_that_exists_is_compared_and_not_changed(folder: Path) -> None:
    suggest(folder / "invoices_202601.csv", ROWS, "invoices")
    before = (folder / "invoices.yaml").read_text()
    assert "nothing would change" in suggest(folder / "invoices_202602.csv", ROWS, "invoices").headline
    other = ROWS.replace("Flag", "Paid").replace("1.0", "1,0").replace(",50 €", ".50 €") + TOTAL
    summary = suggest(folder / "bills_202602.csv", other, "invoices")
    assert "nothing is written; this would change" in summary.headline
    assert (folder / "invoices.yaml").read_text() == before
    text = "\n".join(summary.details)
    for line in ("~ file_pattern: bills_202602.csv does not fit", "- flag: boolean", "+ paid: ", "+ reading.skip_if: "):
        assert line in text, text
    assert "~ amount: " in text
    assert "client: text" not in text


@pytest.mark.parametrize(
    ("first", "second", "declared"),
    [
        ("7", "1234.5", {"type": "numeric"}),
        ("7", "-", {"type": "integer"}),
        ("", "2.50", {"type": "numeric"}),
        ("05/02/2026", "25/02/2026", {"type": "date", "formats": ["dd/MM/yyyy"]}),
        ("2026-02-25", "x", {"type": "text"}),
        ("2.5", "2,5", {"type": "text"}),
    ],
)
def test_a_column_is_declared_as_all_files_write_it(
    folder: Path, first: str, second: str, declared: dict[str, object]
) -> None:
    for number, value in enumerate((first, second)):
        (folder / f"part_{number}.csv").write_text("id;value\n" + "".join(f"r{n};{value}\n" for n in range(20)))
    suggest_files.suggest_import([folder / "part_0.csv", folder / "part_1.csv"], "parts", None)
    config = configuration.validate_document(
        configuration.read_document(folder / "parts.yaml"), ImportConfig, config_name="parts"
    )
    shown = config.declared["value"].model_dump(exclude_defaults=True)
    assert {"type": "text", **shown} == declared


def test_what_all_numbers_have_in_common_is_declared_once(folder: Path) -> None:
    rows = "".join(f'{n};"1.{n:03},50 €";"{n},10 €";"2.{n:03},00 €";12,5%\n' for n in range(100, 140))
    suggest(folder / "prices.csv", f"id;net;tax;gross;rate\n{rows}")
    text = (folder / "prices.yaml").read_text()
    lifted = [
        "  decimal: ','   # of all numbers",
        "  thousands: .   # of all numbers",
        "  currency: €   # of all numbers",
    ]
    assert "\n".join(["reading:", *lifted]) in text
    config = configuration.validate_document(
        configuration.read_document(folder / "prices.yaml"), ImportConfig, config_name="prices"
    )
    columns = {name: column.with_defaults(config.reading) for name, column in config.declared.items()}
    assert {name: (column.decimal, column.currency) for name, column in columns.items() if name != "id"} == {
        "net": (",", ["€"]), "tax": (",", ["€"]), "gross": (",", ["€"]), "rate": (",", []),
    }  # fmt: skip
    assert "nothing would change" in suggest(folder / "prices.csv", f"id;net;tax;gross;rate\n{rows}").headline
