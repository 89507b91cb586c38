"""suggest_import.py: what it proposes can be applied as it stands, and says why."""

from __future__ import annotations

from pathlib import Path

from systemscripts import configuration
from systemscripts.configuration import ImportConfig
from tests.conftest import Installation

ORDERS = "ID;Name;Sent;Both;Amount;Code;Flag;Odd\n" + "".join(
    f"{n};name {n % 7};{13 + n % 10}/01/2026;0{1 + n % 9}/02/2026;{n},50;{n % 1000:03};yes;"
    f"{n if n != 1500 else '12x'}\n"
    for n in range(1, 2001)
)


def suggest(installation: Installation, path: Path) -> tuple[str, ImportConfig]:
    output = installation.data / "orders.yaml"
    done = installation.run("suggest_import", path, "--output", output)
    assert done.returncode == 0, done.stderr
    document = configuration.read_document(output)
    return output.read_text(), configuration.validate_document(document, ImportConfig, config_name="orders")


def test_types_pattern_and_date_are_proposed_with_reasons(installation: Installation, tmp_path: Path) -> None:
    path = tmp_path / "orders_20260105.csv"
    path.write_text(ORDERS)
    text, config = suggest(installation, path)
    types = {name: column.type for name, column in config.declared.items()}
    assert types == {
        "id": "integer", "name": "text", "sent": "date", "both": "date", "amount": "numeric", "code": "text",
        "flag": "boolean", "odd": "integer",
    }  # fmt: skip
    assert config.declared["sent"].formats == ["dd/MM/yyyy"]
    assert "leading zeros" in text
    assert "1 of 2,000 does not fit: '12x' line 1,501" in text
    assert "AMBIGUOUS: reads as date dd/MM/yyyy and as date MM/dd/yyyy" in text
    assert config.file_pattern.startswith(r"orders_(?P<date>\d{8})")
    assert (config.dateconfig, config.datelocation, config.dateformat) == ("filename", "date", "yyyyMMdd")


def test_an_existing_file_is_never_overwritten(installation: Installation, tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("a,b\n1,2\n")
    output = tmp_path / "orders.yaml"
    output.write_text("mine")
    done = installation.run("suggest_import", path, "--output", output)
    assert done.returncode == 2
    assert output.read_text() == "mine"


def test_what_it_proposes_loads(installation: Installation, tmp_path: Path) -> None:
    path = tmp_path / "orders_20260105.csv"
    path.write_text(ORDERS)
    _, config = suggest(installation, path)
    values = config.model_dump(mode="json", by_alias=True)
    columns = {key: values[key] for key in ("file_pattern", "schema", "dateconfig", "datelocation", "dateformat")}
    installation.configure("orders", **columns)
    summary = installation.summary("generic_import", "orders", "--file", path)
    assert summary["counts"] == {"read": 2000, "loaded": 1999, "rejected": 1, "skipped": 0, "held": 0}


def test_a_label_is_proposed_where_several_files_differ_in_their_names(
    installation: Installation, tmp_path: Path
) -> None:
    paths = [tmp_path / f"orders_{client}_20260105.csv" for client in ("acme", "globex")]
    for path in paths:
        path.write_text(ORDERS)
    output = installation.data / "orders.yaml"
    assert installation.run("suggest_import", *paths, "--output", output).returncode == 0
    config = configuration.validate_document(configuration.read_document(output), ImportConfig, config_name="orders")
    assert (config.metadata_label_source, config.metadata_label_location) == ("filename", "label")
    assert config.file_pattern.startswith(r"orders_(?P<label>[^_]+)_(?P<date>\d{8})")
    assert (config.dateconfig, config.datelocation) == ("filename", "date")


def test_the_key_is_one_column_and_any_header_may_be_a_key_of_the_yaml(
    installation: Installation, tmp_path: Path
) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("No,Null,Yes\n" + "".join(f"{n},{n}x,{n % 2}\n" for n in range(9)))
    text, config = suggest(installation, path)
    assert "key_columns: ['no']   # different in every row; so is null" in text
    assert list(config.declared) == ["no", "null", "yes"]
