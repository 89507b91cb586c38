"""The ledger dba.tfinding: what each file had against it, and what was decided."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from systemscripts.db_utils import Cursor
from systemscripts.findings.finding import Finding

Decision = Literal["accepted", "rejected", "overtaken"]


@dataclass(frozen=True)
class HeldFile:
    """A held file, and one of the findings that hold it."""

    name: str
    dataset_id: int
    run_uuid: str
    rule: str
    column: str | None
    text: str


def store_findings(
    cursor: Cursor, findings: Iterable[Finding], config_name: str, label: str | None,
    file_id: int, dataset_id: int | None, run_uuid: str,
) -> None:  # fmt: skip
    """Write the findings of one file, in the transaction that loads, holds or refuses it."""
    from psycopg2.extras import execute_values

    rows = [
        (finding.rule, finding.severity, finding.column, finding.text, json.dumps(finding.detail, default=str),
         config_name, label, file_id, dataset_id, run_uuid)
        for finding in findings
    ]  # fmt: skip
    if rows:
        execute_values(
            cursor,
            """insert into dba.tfinding (rule, severity, column_name, message, detail,
                   config_name, label, file_id, dataset_id, run_uuid) values %s""",
            rows,
        )


def read_findings(cursor: Cursor, dataset_id: int) -> list[Finding]:
    """Return the findings of a dataset, oldest first."""
    cursor.execute(
        """select rule, severity, message, column_name, detail from dba.tfinding
           where dataset_id = %s order by finding_id""",
        (dataset_id,),
    )
    return [Finding(*row) for row in cursor.fetchall()]


def decide_findings(cursor: Cursor, dataset_id: int, decision: Decision, decided_by: str, reason: str) -> None:
    """Note what was decided about the open findings of a held dataset."""
    cursor.execute(
        """update dba.tfinding set decision = %s, decided_at = now(), decided_by = %s, decision_reason = nullif(%s, '')
           where dataset_id = %s and decision is null and severity in ('hold', 'warn')""",
        (decision, decided_by, reason, dataset_id),
    )


def find_held_alike(cursor: Cursor, dataset_id: int) -> list[int]:
    """Return the held files of its import that the same rule holds for the same column as a dataset, it included."""
    cursor.execute(
        """select distinct d.dataset_id from dba.tfinding f
           join dba.tfinding other on other.config_name = f.config_name and other.rule = f.rule
               and other.column_name is not distinct from f.column_name and other.severity = 'hold'
           join dba.tdataset d on d.dataset_id = other.dataset_id and d.status = 'held'
           where f.dataset_id = %s and f.severity = 'hold' order by d.dataset_id""",
        (dataset_id,),
    )
    return [row[0] for row in cursor.fetchall()]


def find_held_beside(cursor: Cursor, dataset_id: int) -> list[HeldFile]:
    """Return what holds each file of its import that the run of a held dataset holds, it included, oldest first."""
    cursor.execute(
        """select f.name, d.dataset_id, d.run_uuid::text, n.rule, n.column_name, n.message
           from dba.tdataset mine
           join dba.tdataset d on d.run_uuid = mine.run_uuid and d.config_name = mine.config_name and d.status = 'held'
           join dba.tfile f on f.dataset_id = d.dataset_id
           join dba.tfinding n on n.dataset_id = d.dataset_id and n.severity = 'hold'
           where mine.dataset_id = %s order by d.dataset_id, n.finding_id""",
        (dataset_id,),
    )
    return [HeldFile(*row) for row in cursor.fetchall()]
