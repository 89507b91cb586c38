"""Headers that an acceptance as renamed taught an import: rows of dba.tcolumnalias that count like reading.aliases."""

from __future__ import annotations

import json
from collections.abc import Mapping

from systemscripts.configuration.import_config import ImportConfig
from systemscripts.db_utils import Cursor

ACCEPTED = "accepted"  # source of a version in dba.tconfighistory that an acceptance made


def add_learned_aliases(cursor: Cursor, config: ImportConfig) -> ImportConfig:
    """Return the configuration with what acceptances taught it; itself where that is nothing."""
    cursor.execute(
        "select column_name, header from dba.tcolumnalias where config_name = %s and withdrawn_at is null",
        (config.config_name,),
    )
    return with_aliases(config, [(column, header) for column, header in cursor.fetchall()])


def with_aliases(config: ImportConfig, learned: list[tuple[str, str]]) -> ImportConfig:
    """Return the configuration with some more headers, each with the column that it means."""
    if not learned:
        return config
    aliases = {column: list(headers) for column, headers in config.reading.aliases.items()}
    for column, header in learned:
        aliases.setdefault(column, []).append(header)
    return config.model_copy(update={"reading": config.reading.model_copy(update={"aliases": aliases})})


def learn_aliases(
    cursor: Cursor, config_name: str, learned: Mapping[str, str], dataset_id: int, run_uuid: str, decided_by: str
) -> None:
    """Store the header of each renamed column, and show it as a version of the configuration."""
    for column, header in learned.items():
        cursor.execute(
            """insert into dba.tcolumnalias (config_name, column_name, header, dataset_id, run_uuid)
               values (%s, %s, %s, %s, %s)
               on conflict (config_name, header) where withdrawn_at is null
               do update set column_name = excluded.column_name, dataset_id = excluded.dataset_id""",
            (config_name, column, header, dataset_id, run_uuid),
        )
    _record_version(cursor, config_name, decided_by)


def withdraw_aliases(cursor: Cursor, dataset_id: int, decided_by: str) -> None:
    """Forget what the acceptance of a dataset taught, because the dataset is undone."""
    cursor.execute(
        """update dba.tcolumnalias set withdrawn_at = now() where dataset_id = %s and withdrawn_at is null
           returning config_name""",
        (dataset_id,),
    )
    if row := cursor.fetchone():
        _record_version(cursor, row[0], decided_by)


def _record_version(cursor: Cursor, config_name: str, decided_by: str) -> None:
    """Let the row's trigger write a version, and add the learned headers to it."""
    cursor.execute(
        "select column_name, header from dba.tcolumnalias where config_name = %s and withdrawn_at is null",
        (config_name,),
    )
    learned = {header: column for column, header in cursor.fetchall()}
    cursor.execute(
        "update dba.timportconfig set version = version + 1 where config_name = %s returning version", (config_name,)
    )
    row = cursor.fetchone()
    if row is not None:
        cursor.execute(
            """update dba.tconfighistory set source = %s, changed_by = %s, content = content || %s
               where config_name = %s and version = %s""",
            (ACCEPTED, decided_by, json.dumps({"learned_aliases": learned}), config_name, row[0]),
        )
