"""Mail the people of an import (`notify`) about its refused files, and about those that a run holds, in one mail."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from systemscripts import file_ledger
from systemscripts.commands import format_command
from systemscripts.db_utils import transaction
from systemscripts.ingest.ingest_context import Context

if TYPE_CHECKING:
    from systemscripts.findings.ledger import HeldFile


def notify_recipients(context: Context, ticket: file_ledger.Ticket) -> None:
    """Queue the mail about a file in a final state; repeated after a kill.

    Each held file of a run replaces the mail about the ones before it, which it repeats.
    """
    config = context.config
    if not config.notify:
        return
    from systemscripts import alerts
    from systemscripts.findings import ledger

    if ticket.status == "refused":
        subject = f"{config.config_name}: {ticket.name} is refused"
        text = f"{ticket.name} is refused by the import {config.config_name}.\n\n{ticket.reason}\n\n"
        text += f"Nothing of it is loaded; the file is in {ticket.keep_path}.\n"
        alerts.queue_message(f"file {ticket.file_id}", config.notify, subject, text, context.directories)
    elif ticket.status == "loaded" and ticket.reason and ticket.dataset_id is not None:
        with transaction(context.connection) as cursor:
            held = ledger.find_held_beside(cursor, ticket.dataset_id)
        names = list(dict.fromkeys(file.name for file in held)) or [ticket.name]
        what = f"{names[0]} is held" if len(names) == 1 else f"{len(names)} files are held"
        text = f"{what} by the import {config.config_name}: nothing is in the target before it is accepted.\n\n"
        text += _describe_by_rule(held) if len(names) > 1 else f"{ticket.reason}\n"
        key = f"held {config.config_name} {held[0].run_uuid}" if held else f"file {ticket.file_id}"
        alerts.queue_message(key, config.notify, f"{config.config_name}: {what}", text, context.directories)


def _describe_by_rule(held: list[HeldFile]) -> str:
    """Return a paragraph for each rule and column with its files, and the commands that decide."""
    from systemscripts.datasets import load_decision

    paragraphs = []
    by_subject = sorted(held, key=lambda file: (file.rule, file.column or "", file.dataset_id))
    for (rule, column), files in groupby(by_subject, key=lambda file: (file.rule, file.column)):
        alike = list(files)
        lines = [f"{rule}{f' of {column}' if column else ''}:"]
        lines += [f"  {file.name} (dataset {file.dataset_id}): {file.text}" for file in alike]
        first = alike[0].dataset_id
        if len(alike) > 1:
            lines.append(f"  All of them: {format_command('datasets', 'accept', first, '--same')}")
            lines.append(f"  One of them: {load_decision.describe_held_steps('N')}")
        else:
            lines.append(f"  {load_decision.describe_held_steps(first)}")
        paragraphs.append("\n".join(lines))
    return "\n\n".join(paragraphs) + "\n"
