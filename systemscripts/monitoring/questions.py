"""The questions that an operator asks: each has one view of the database, and `etl ask WORD` shows its newest rows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from psycopg2 import sql

from systemscripts.db_utils import Cursor
from systemscripts.errors import UsageError, did_you_mean

# the columns that tell what a row is about: an import, a pipeline, a table, a report, a file, a folder
NAME_COLUMNS = ("config_name", "pipeline", "job", "about", "target_table", "name", "file_name", "what", "path")


@dataclass(frozen=True)
class Question:
    """One question: the view that answers it, its order, its columns, and the column with the time of a row."""

    word: str
    text: str
    view: str
    order: str
    columns: str
    time: str = ""


QUESTIONS = (
    Question(
        "rejected", "What was rejected, and why?", "v_reject", "rejected_row_id desc",
        "rejected_at, config_name, file_name, source_row, column_name, value, reason, dataset_id", "rejected_at",
    ),
    Question(
        "config", "Who changed which configuration?", "v_config_change", "config_history_id desc",
        "changed_at, config_name, version, changed_by, changed_with, source, changes", "changed_at",
    ),
    Question(
        "row", "What changed in a row?", "v_row_change", "row_history_id desc",
        "changed_at, target_table, key, changes, file_name, config_name, dataset_id", "changed_at",
    ),
    Question(
        "missed", "Which run was missed?", "v_missed_run", "due_at desc",
        "due_at, pipeline, noticed_at, catch_up_at, made_up_at, made_up_with", "due_at",
    ),
    Question(
        "disk", "When is the disk full?", "v_disk_trend", "measured_on desc, what <> 'disk', what, path",
        "measured_on, what, path, used, free, growth_per_day, full_on", "measured_on",
    ),
    Question(
        "next", "What runs next?", "v_next_run", "due_at",
        "due_at, pipeline, will_run, why_not, last_started_at, last_status, last_seconds",
    ),
    Question(
        "failed", "What failed, and why?", "v_failure", "started_at desc",
        "started_at, job, status, error, arguments, succeeded_again_at", "started_at",
    ),
    Question(
        "held", "What is held and waits for me?", "v_undecided", "since",
        "since, config_name, state, name, why, command, dataset_id", "since",
    ),
    Question(
        "origin", "Where does this row come from?", "v_row_origin", "dataset_id desc",
        "dataset_id, target_table, config_name, label, dataset_date, file_name, archived_as, source, loaded_at, job",
        "loaded_at",
    ),
    Question(
        "week", "What came in, and what was mailed, this week?", "v_in_and_out", "at desc",
        "at, direction, about, what, result, rows_loaded, dataset_id", "at",
    ),
)  # fmt: skip
# of a question that asks about a time, where none is given
DEFAULT_DAYS = {"week": 7.0}


@dataclass(frozen=True)
class Choice:
    """Which rows of an answer are wanted; what is empty does not choose. `key`: COLUMN=VALUE, of one row."""

    about: str = ""
    dataset_id: int | None = None
    key: str = ""
    days: float | None = None
    count: int = 20


def find_question(word: str) -> Question:
    """Return the question of a word; raises UsageError with the nearest one."""
    for question in QUESTIONS:
        if question.word == word:
            return question
    words = [question.word for question in QUESTIONS]
    raise UsageError(f"there is no question {word!r}{did_you_mean(word, words)}", f"The questions: {', '.join(words)}.")


def answer(cursor: Cursor, question: Question, choice: Choice) -> list[dict[str, Any]]:
    """Return the newest rows of the view of a question; raises UsageError for a choice that it does not know."""
    conditions, values = _choose_rows(question, choice)
    statement = sql.SQL("select {columns} from dba.{view} {where} order by {order} limit {count}").format(
        columns=sql.SQL(question.columns), view=sql.Identifier(question.view), order=sql.SQL(question.order),
        where=sql.SQL("where " if conditions else "") + sql.SQL(" and ").join(conditions),
        count=sql.Literal(choice.count),
    )  # fmt: skip
    cursor.execute(statement, values)
    names = [column.name for column in cursor.description or ()]
    return [dict(zip(names, map(_shorten, row), strict=True)) for row in cursor.fetchall()]


def _choose_rows(question: Question, choice: Choice) -> tuple[list[sql.Composable], list[object]]:
    columns = question.columns.replace(" ", "").split(",")
    conditions: list[sql.Composable] = []
    values: list[object] = []
    if choice.about:
        names = [name for name in NAME_COLUMNS if name in columns]
        tests = [sql.SQL("{} = %s").format(sql.Identifier(name)) for name in names]
        conditions.append(sql.SQL("({})").format(sql.SQL(" or ").join(tests)))
        values += [choice.about] * len(names)
    if choice.dataset_id is not None:
        _refuse_unknown(question, "dataset_id" in columns, "--dataset")
        conditions.append(sql.SQL("dataset_id = %s"))
        values.append(choice.dataset_id)
    if choice.key:
        _refuse_unknown(question, "key" in columns, "--key")
        conditions.append(sql.SQL("key = %s::jsonb or key @> %s::jsonb"))
        values += [json.dumps(_read_key(choice.key, as_text)) for as_text in (True, False)]
        conditions[-1] = sql.SQL("({})").format(conditions[-1])
    days = DEFAULT_DAYS.get(question.word) if choice.days is None else choice.days
    if days is not None:
        _refuse_unknown(question, bool(question.time), "--days")
        conditions.append(sql.SQL("{} > now() - %s * interval '1 day'").format(sql.Identifier(question.time)))
        values.append(days)
    return conditions, values


def _refuse_unknown(question: Question, is_known: bool, option: str) -> None:
    if not is_known:
        raise UsageError(f"{question.word} cannot be chosen by {option}", "Leave it out.")


def _read_key(text: str, as_text: bool) -> dict[str, Any]:
    """Return COLUMN=VALUE,COLUMN=VALUE as a key; a number is one in JSON, too, unless `as_text`."""
    key: dict[str, Any] = {}
    for part in text.split(","):
        name, separator, value = part.partition("=")
        if not separator:
            raise UsageError(f"{text!r} is not a key", "Write COLUMN=VALUE, such as --key id=17.")
        key[name.strip()] = int(value) if value.lstrip("-").isdecimal() and not as_text else value
    return key


def _shorten(value: Any) -> Any:
    """Return a value as a table shows it: JSON as text, a moment to the second."""
    if isinstance(value, dict):
        return ", ".join(f"{name}={text}" for name, text in value.items())
    return value.isoformat(" ", "seconds") if hasattr(value, "hour") else value
