"""Answer the questions of every day: what was rejected, missed, changed, what runs next, what waits."""

from __future__ import annotations

from typing import Annotated

import typer

from systemscripts.job import Summary, job


@job(alert=False)
def ask(
    question: Annotated[str, typer.Argument(help="One of the words below. Empty: show the list.")] = "",
    about: Annotated[str, typer.Option(help="Only of this import, pipeline, job, table, report or file.")] = "",
    dataset: Annotated[int | None, typer.Option(help="Only of this dataset (each row of a target has it).")] = None,
    key: Annotated[str, typer.Option(help="With row: only this row, COLUMN=VALUE.")] = "",
    days: Annotated[float | None, typer.Option(min=0, help="Only of so many days.")] = None,
    count: Annotated[int, typer.Option(min=1, max=10_000, help="How many rows to show.")] = 20,
) -> Summary:
    """Answer a question: rejected, config, row, missed, disk, next, failed, held, origin or week.

    Without a question it lists them, each with its view in the database (docs/dbeaver.md). The newest rows come first.

    Examples:
        ask.py
        ask.py rejected --about orders --days 7
        ask.py row --about public.people --key id=17
        ask.py origin --dataset 17
        ask.py next --count 5
    """
    import contextlib

    from systemscripts import db_utils, settings
    from systemscripts.directory_management import Directories
    from systemscripts.monitoring import questions
    from systemscripts.schedules import coming_runs

    if not question:
        return Summary(rows=[{"ask": q.word, "question": q.text, "view": f"dba.{q.view}"} for q in questions.QUESTIONS])
    asked = questions.find_question(question)
    choice = questions.Choice(about, dataset, key, days, count)
    with contextlib.closing(db_utils.connect(purpose="ask")) as connection:
        if asked.word == "next":
            coming_runs.note_coming_runs(connection, Directories(settings.current().etl_data_dir))
        with db_utils.transaction(connection) as cursor:
            rows = questions.answer(cursor, asked, choice)
    return Summary(headline=asked.text if rows else f"{asked.text} Nothing.", rows=rows)


if __name__ == "__main__":
    ask.main()
