"""Query reports and their mails, and read one as a user may see it."""

from __future__ import annotations

from typing import Any

from systemscripts import log_utils, reports, settings
from systemscripts.configuration import yaml_folders
from systemscripts.db_utils import Cursor
from systemscripts.errors import ConfigurationError, MissingError, UsageError
from systemscripts.reports import Content, Report, reading_rights
from webconsole import connections
from webconsole.security.visibility import Visibility

# of one report; older mails stay in dba.treportdelivery
SHOWN_MAILS = 20


def list_names(cursor: Cursor) -> list[str]:
    """Return the names of the active reports."""
    cursor.execute("select report_name from dba.treportmanager where is_active order by report_name")
    return [row[0] for row in cursor.fetchall()]


def apply_new_files() -> None:
    """Store the reports of config/reports that are not stored yet, as a run that sends one does."""
    with connections.read_as_etl() as cursor:
        cursor.execute("select report_name from dba.treportmanager")
        known = {row[0] for row in cursor.fetchall()}
    if {path.stem for path in yaml_folders.list_files("reports")} - known:
        reports.apply_files(connections.connect_as_etl())


def list_readable(visibility: Visibility, user_name: str) -> list[dict[str, Any]]:
    """Return the active reports that a user may read: last mail, next to whether the user gets it by mail."""
    apply_new_files()
    # in a transaction that may write, because views tell what a query reads; nothing stays
    with connections.write_as_etl() as cursor:
        rows = connections.fetch_rows(
            cursor,
            """select r.report_name, s.is_subscribed, d.subject, d.sent_at
               from dba.treportmanager r
               left join dba.treportsubscription s on s.report_name = r.report_name and s.user_name = %s
               left join lateral (
                   select m.subject, m.sent_at from dba.treportdelivery m
                   where m.report_name = r.report_name and m.status = 'sent'
                   order by m.delivery_id desc limit 1) d on true
               where r.is_active order by r.report_name""",
            (user_name,),
        )
        readable = [row for row in rows if _may_read(cursor, row["report_name"], visibility)]
    for row in readable:
        row["description"] = read_description(row["report_name"])
    return readable


def read_report(
    name: str, visibility: Visibility, since: int | None
) -> tuple[Report, Content, list[dict[str, Any]], int | None]:
    """Return a report with its content since a mail, its last mails, and the mail; by default the one before the last.

    Raise MissingError if it does not exist or is not for the user, UsageError if it takes too long or its
    configuration is wrong.
    """
    with connections.write_as_etl() as cursor:
        report = _load(cursor, name)
        if report is None or not reading_rights.may_read_report(cursor, report, visibility):
            raise MissingError(f"the report {name} does not exist or may not be read", "Choose one from the list.")
        mails = _list_mails(cursor, name)
        if since is None:
            # what the last mail said, and what is new since
            since = mails[1]["delivery_id"] if len(mails) > 1 else 0
    seconds = settings.current().console_read_seconds
    with connections.write_as_etl() as cursor:
        cursor.execute("set local statement_timeout = %s", (f"{seconds}s",))
        content = reports.gather_content(
            report, cursor, connections.connect_as_reader(), log_utils.get_run_uuid(), visibility=visibility,
            since_delivery=since, seconds=seconds,
        )  # fmt: skip
    return report, content, mails, since


def require_readable(cursor: Cursor, name: str, visibility: Visibility) -> None:
    """Raise MissingError if a report does not exist or is not for a user. `cursor`: may write; nothing stays."""
    if not _may_read(cursor, name, visibility):
        raise MissingError(f"the report {name} does not exist or may not be read", "Choose one from the list.")


def read_description(name: str) -> str:
    """Return the comment at the beginning of the YAML file of a report, as one line."""
    try:
        lines = yaml_folders.find_file("reports", name).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeError):
        return ""
    words = []
    for line in lines:
        if not line.startswith("#"):
            break
        words.append(line.lstrip("# ").rstrip())
    return " ".join(words)


def _list_mails(cursor: Cursor, name: str) -> list[dict[str, Any]]:
    """Return the last mails to everyone, newest first."""
    return connections.fetch_rows(
        cursor,
        """select delivery_id, status, subject, created_at, sent_at from dba.treportdelivery
           where report_name = %s and not covered ? 'own_recipients' and status <> 'nothing'
           order by delivery_id desc limit %s""",
        (name, SHOWN_MAILS),
    )


def _may_read(cursor: Cursor, name: str, visibility: Visibility) -> bool:
    report = _load(cursor, name)
    return report is not None and reading_rights.may_read_report(cursor, report, visibility)


def _load(cursor: Cursor, name: str) -> Report | None:
    """Return an active report; None if it does not exist or its row is faulty."""
    try:
        report = reports.read_report_row(cursor, name)
    except (ConfigurationError, UsageError):
        return None
    return report if report.is_active else None
