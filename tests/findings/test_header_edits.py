"""Generated edits of headers: none ends green with a lost value, and a renamed column gets the right proposal."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Sequence

import pytest

from systemscripts.configuration import ImportConfig
from systemscripts.findings.finding import Finding, find_worst
from systemscripts.findings.known_shape import LastFile
from systemscripts.findings.shape import FileShape, judge_columns
from systemscripts.tables.column_names import make_column_names
from tests.conftest import Installation
from tests.findings.header_edits import Edit, make_edits
from tests.ingest.test_held_files import Desk
from tests.ingest.test_identity_rules import states

MODES = ("snapshot", "append", "upsert", "new_rows")
SEEDS = (1, 2, 3, 4, 5)


def read(text: str) -> tuple[list[str], dict[str, list[str]]]:
    """Return headers, and the different values of each column by its name."""
    lines = [line.split(";") for line in text.splitlines()]
    values = zip(*lines[1:], strict=True)
    return lines[0], {
        name: list(dict.fromkeys(filter(None, column)))
        for name, column in zip(make_column_names(lines[0]), values, strict=True)
    }


def judge(edit: Edit) -> list[Finding]:
    headers, values = read(edit.text)
    before, known = read(edit.weeks[-1])
    last = LastFile(1, dict(zip(known, before, strict=True)), {name: index for index, name in enumerate(known)})
    config = ImportConfig(
        config_name="lists",
        file_pattern="x",
        target_table="public.lists",
        schema=edit.schema,
        key_columns=["customer_id"],
    )

    def samples(column: str) -> Sequence[str]:
        return known[column]

    return judge_columns(config, FileShape(list(values), headers, values.__getitem__), last, samples)


def test_no_lost_column_is_green_and_nothing_else_holds() -> None:
    for seed in SEEDS:
        for edit in make_edits(seed, 200):
            worst = find_worst(judge(edit))
            assert (worst in ("hold", "refuse")) == edit.is_lost, (seed, edit.kind, edit.text.splitlines()[0], worst)


def test_renamed_columns_get_the_right_proposal_and_hardly_ever_a_wrong_one() -> None:
    right = wrong = total = 0
    for seed in SEEDS:
        for edit in make_edits(seed, 200):
            proposed = {
                finding.column: finding.detail["renamed_to"]
                for finding in judge(edit)
                if finding.rule == "column_renamed"
            }
            total += len(edit.renamed)
            right += sum(proposed.get(column) == header for column, header in edit.renamed.items())
            wrong += sum(edit.renamed.get(str(column)) != header for column, header in proposed.items())
    assert right >= 0.9 * total, (right, wrong, total)
    assert wrong <= 0.01 * total, (right, wrong, total)


def test_split_and_joined_columns_are_named() -> None:
    wanted = {"split": "may be split into", "join": "may be joined with another one in"}
    for edit in make_edits(1, 200):
        if edit.kind in wanted:
            texts = [finding.text for finding in judge(edit) if finding.rule == "column_missing"]
            assert any(wanted[edit.kind] in text for text in texts), (edit.text.splitlines()[0], texts)


@pytest.fixture
def desk(here: Installation) -> Iterator[Desk]:
    with contextlib.ExitStack() as stack:
        yield Desk(here, stack)


def run_edit(desk: Desk, number: int, edit: Edit, mode: str) -> None:
    """Load two good files and the edited one: it is held or refused with nothing lost, and comes in as renamed."""
    name = f"edit{number}"
    target = f"public.{name}"
    desk.here.configure(
        name, file_pattern=rf"{name}_.*\.csv", target_table=target, schema=edit.schema, key_columns=["customer_id"],
        load_mode=mode,
    )  # fmt: skip
    for week, text in enumerate(edit.weeks):
        desk.here.drop(f"{name}_{week}.csv", text)
        assert states(desk.run(name)) == ["loaded"]
    desk.here.drop(f"{name}_9.csv", edit.text)
    summary = desk.run(name)
    taken = edit.rows[:-1]
    if mode == "new_rows" and edit.kind == "add":
        assert "with them every row would count as new" in summary.problems[0]
    elif edit.is_swapped or edit.is_lost:
        assert states(summary)[0] in ("held", "refused") or summary.warnings, (edit.kind, edit.text.splitlines()[0])
    else:
        assert states(summary) == ["loaded"], (edit.kind, summary.problems)
        taken = edit.rows
    proposals = desk.here.sql(
        f"select count(*) from dba.tfinding where config_name = '{name}' and rule = 'column_renamed'"
    )
    if edit.renamed and proposals[0][0]:
        desk.decide(summary.rows[0]["dataset"], as_renamed=True)
        taken = edit.rows
    if states(summary) != ["loaded"] or not edit.is_swapped:
        columns = ", ".join(f"{column}::text" for column in edit.schema)
        loaded = desk.here.sql(f"select {columns} from {target}_current")
        expected = taken[-1] if mode == "snapshot" else itertools.chain.from_iterable(taken)
        assert sorted(loaded) == sorted(map(tuple, expected)), (edit.kind, edit.text.splitlines()[0])


@pytest.mark.parametrize("mode", MODES)
def test_edited_files_lose_nothing_in_any_load_mode(desk: Desk, mode: str) -> None:
    edits = list(make_edits(6, 180))[::20]
    for number, edit in enumerate(edits[MODES.index(mode) % 2 :: 2]):
        run_edit(desk, number, edit, mode)


@pytest.mark.long
@pytest.mark.parametrize("mode", MODES)
def test_two_hundred_edited_files_lose_nothing(desk: Desk, mode: str) -> None:
    for number, edit in enumerate(make_edits(7, 200)):
        run_edit(desk, number, edit, mode)
