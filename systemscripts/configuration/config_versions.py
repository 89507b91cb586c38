"""List, compare and restore the versions of an import configuration."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import yaml
from pydantic import ValidationError

from systemscripts import masking
from systemscripts.configuration.import_config import ImportConfig
from systemscripts.db_utils import Connection, Cursor, transaction
from systemscripts.errors import ConfigurationError, MissingError, UsageError, describe_faults

# These belong to the row, not to the import: restoring a version leaves them as they are.
_ROW_COLUMNS = ("config_name", "yaml_hash", "managed_by", "version", "created_at", "updated_at")
# fits a line of the list of versions
EXCERPT_LETTERS = 100
_FIELDS = "config_history_id, config_name, version, changed_at, changed_by, source, content, written"


@dataclass(frozen=True)
class Version:
    """One entry of dba.tconfighistory."""

    config_history_id: int
    config_name: str
    version: int
    changed_at: datetime
    changed_by: str
    source: str
    content: dict[str, Any]
    # the YAML as it was written, None where it is not known
    written: str | None = None

    @property
    def text(self) -> str:
        """Return the YAML as it was written, else what it means."""
        return self.written or self.to_yaml()

    def to_yaml(self) -> str:
        """Return the version as YAML, without default values; with all its values where today's rules reject it."""
        values = {
            key: value for key, value in self.content.items() if value not in (None, []) and key not in _ROW_COLUMNS
        }
        known = {field.alias or name for name, field in ImportConfig.model_fields.items()}
        try:
            config = ImportConfig.model_validate(
                {"config_name": self.config_name} | {key: value for key, value in values.items() if key in known}
            )
            values = config.model_dump(mode="json", by_alias=True, exclude_defaults=True)
            values.pop("config_name")
            # always written: uploads have another default
            values["load_mode"] = config.load_mode
        except ValidationError:
            pass
        values = _mask_secrets(values)
        dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
        text: str = yaml.dump(values, Dumper=dumper, sort_keys=False, allow_unicode=True, width=100)
        return text

    def make_excerpt(self) -> str:
        """Return the first letters of the YAML, on one line."""
        return " ".join(self.to_yaml().split())[:EXCERPT_LETTERS]


def _mask_secrets(value: Any, key: str = "") -> Any:
    """Return values with secrets masked; variables such as ${SOURCE_TOKEN} stay readable."""
    if isinstance(value, dict):
        return {name: _mask_secrets(item, str(name)) for name, item in value.items()}
    if isinstance(value, list):
        return [_mask_secrets(item, key) for item in value]
    if not isinstance(value, str) or "${" in value:
        return value
    return next(iter(masking.mask_values({key: value}).values()))


def list_versions(cursor: Cursor, config_name: str = "", before: int | None = None, limit: int = 50) -> list[Version]:
    """Return the newest versions of one import or of all, at most `limit`, with a config_history_id below `before`."""
    cursor.execute(
        f"""select {_FIELDS} from dba.tconfighistory
            where (%(name)s = '' or config_name = %(name)s)
              and config_history_id < coalesce(%(before)s::bigint, 9223372036854775807)
            order by config_history_id desc limit %(limit)s""",
        {"name": config_name, "before": before, "limit": limit},
    )
    return [Version(*row) for row in cursor.fetchall()]


def load_version(cursor: Cursor, config_name: str, version: int) -> Version:
    """Return one version of an import; raises MissingError if it does not exist."""
    cursor.execute(
        f"select {_FIELDS} from dba.tconfighistory where config_name = %s and version = %s", (config_name, version)
    )
    row = cursor.fetchone()
    if row is None:
        raise MissingError(f"{config_name} has no version {version}", "See the list of its versions.")
    return Version(*row)


def compare_versions(older: Version, newer: Version) -> list[tuple[str, str]]:
    """Return the lines of two versions: (mark, line), the mark is " ", "-" or "+".

    As they were written, if both are known so and it is not their meaning alone that differs.
    """
    texts = [older.written or "", newer.written or ""]
    if not all(texts) or texts[0] == texts[1]:
        texts = [older.to_yaml(), newer.to_yaml()]
    return compare_texts(*texts)


def compare_texts(older: str, newer: str) -> list[tuple[str, str]]:
    """Return the lines of two texts: (mark, line), the mark is " ", "-" or "+"."""
    lines = difflib.ndiff(older.splitlines(), newer.splitlines())
    return [(line[0], line[2:]) for line in lines if line[0] != "?"]


def note_author(cursor: Cursor, config_name: str, version: int, changed_by: str) -> None:
    """Note who made a version, instead of the login of the database."""
    cursor.execute(
        "update dba.tconfighistory set changed_by = %s where config_name = %s and version = %s",
        (changed_by, config_name, version),
    )


def restore_version(connection: Connection, config_name: str, version: int, changed_by: str) -> int:
    """Restore an import to a version and return the number of the new version, or the current one if nothing differs.

    Raises MissingError if there is no such version, UsageError if there is no such import, ConfigurationError if the
    version breaks today's rules.
    """
    with transaction(connection) as cursor:
        restored = load_version(cursor, config_name, version)
        cursor.execute("select managed_by from dba.timportconfig where config_name = %s for update", (config_name,))
        current = cursor.fetchone()
        if current is None:
            raise UsageError(f"the import {config_name!r} no longer exists", "Upload it as a new one.")
        # the hash of an upload belongs to its content; the hash of a YAML file to the file, which did not change
        names = ", ".join(_columns(cursor, restored.content) + (["yaml_hash"] if current[0] == "upload" else []))
        _refuse_invalid(restored)
        cursor.execute(
            f"""update dba.timportconfig t set ({names}) = (
                    select {names} from jsonb_populate_record(null::dba.timportconfig, h.content))
                from dba.tconfighistory h
                where t.config_name = h.config_name and h.config_history_id = %s returning t.version""",
            (restored.config_history_id,),
        )
        row: Any = cursor.fetchone()
        cursor.execute(
            """update dba.tconfighistory set changed_by = %s, written = %s
               where config_name = %s and version = %s and version > %s""",
            (changed_by, restored.written, config_name, row[0], version),
        )
    return int(row[0])


def _columns(cursor: Cursor, content: dict[str, Any]) -> list[str]:
    """Return the columns that both the version and today's table have."""
    cursor.execute(
        """select attname from pg_attribute
           where attrelid = 'dba.timportconfig'::regclass and attnum > 0 and not attisdropped order by attnum"""
    )
    return [f'"{name}"' for (name,) in cursor.fetchall() if name in content and name not in _ROW_COLUMNS]


def _refuse_invalid(restored: Version) -> None:
    known = {field.alias or name for name, field in ImportConfig.model_fields.items()}
    values = {key: value for key, value in restored.content.items() if key in known and value not in (None, [])}
    try:
        ImportConfig.model_validate(values)
    except ValidationError as error:
        faults = describe_faults(error)
        raise ConfigurationError(
            f"version {restored.version} of {restored.config_name} breaks today's rules: {faults}",
            "Upload a corrected configuration instead.",
        ) from error
