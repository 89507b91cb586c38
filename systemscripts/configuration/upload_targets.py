"""Check where an uploaded configuration may write: only to tables and folders that belong to uploads alone.

Other programs trust the tables of the operator's imports (they follow links in them and send mails from them), so an
upload that filled one would get around its own rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psycopg2 import sql

from systemscripts import settings
from systemscripts.configuration import yaml_folders
from systemscripts.configuration.import_config import ImportConfig
from systemscripts.configuration.yaml_documents import KeyPath, read_document
from systemscripts.errors import ConfigurationError

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

VIEW_SUFFIX = "_current"
LAKE = "parquet:"
_CHOOSE = "an upload may only fill tables that uploads created; choose another target"

# Every relation with the name of the target or of its view, in upper or lower case.
_RELATIONS = """
    select n.nspname || '.' || c.relname, c.relkind::text,
        exists (select from pg_inherits i where c.oid in (i.inhrelid, i.inhparent))
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where lower(n.nspname || '.' || c.relname) = any(%s) and c.relkind not in ('i', 'I', 't')"""
# The import that created the table last, and whether all its versions were uploaded.
_MAKER = """
    select config_name, coalesce((select bool_and(h.content ->> 'managed_by' = 'upload') from dba.tconfighistory h
        where h.config_name = s.config_name), false)
    from dba.tschemachange s where target_table = %s and statement ilike 'create table %%'
    order by schema_change_id desc limit 1"""
# Every row has the id of its dataset, so one row shows to which import the table belongs, even if it was renamed.
_ROW_OF_OTHERS = """
    select d.config_name from (select (to_jsonb(t.*) ->> 'dataset_id')::integer as dataset_id from {} t limit 1) r
    join dba.tdataset d using (dataset_id)
    where exists (select from dba.tconfighistory h
        where h.config_name = d.config_name and h.content ->> 'managed_by' <> 'upload')"""


def find_faults(cursor: Cursor, config: ImportConfig) -> Iterator[tuple[KeyPath, str]]:
    """Yield the targets that an uploaded configuration may not write to: (key path, text of the fault)."""
    operators = _list_operator_imports(cursor)
    if config.target_table and not config.target.parquet and (fault := _find_table_fault(cursor, config, operators)):
        yield ("target",), fault
    for key, path in (("target", config.target.parquet), ("output_csv_path", config.job.output_csv_path)):
        if path and (owner := _find_folder_owner(path, operators, is_folder=key == "target")):
            yield (key,), f"{path} is in a folder of the import {owner}; choose another folder"


def was_written_by_operator(cursor: Cursor, config_name: str) -> bool:
    """Return whether any version of an import was not uploaded."""
    cursor.execute(
        """select from dba.tconfighistory where config_name = %s and content ->> 'managed_by' <> 'upload' limit 1""",
        (config_name,),
    )
    return cursor.fetchone() is not None


def _list_operator_imports(cursor: Cursor) -> list[tuple[str, str, list[str]]]:
    """Return (name, target, local folders) of every import that was not uploaded, applied or not."""
    cursor.execute(
        """select config_name, coalesce(target_table, ''), source_directory, sources, job from dba.timportconfig
           where managed_by <> 'upload'"""
    )
    rows: list[Any] = cursor.fetchall()
    imports = [(name, table, _folders(source, sources, job)) for name, table, source, sources, job in rows]
    for path in yaml_folders.list_files("imports"):
        try:
            values = read_document(path).values
        except ConfigurationError:
            # a file that cannot be read cannot be applied either; check_config reports it
            continue
        target = values.get("target")
        table = values.get("target_table") or (target.get("table") if isinstance(target, dict) else "")
        imports.append((path.stem, str(table or ""), _folders("", values.get("sources"), values)))
    return imports


def _folders(source_directory: str | None, sources: Any, job: Any) -> list[str]:
    """Return the folders that an import reads, and the one that its combined CSV goes to."""
    paths = [source_directory or ""]
    for source in sources if isinstance(sources, list) else []:
        if isinstance(source, dict) and source.get("type") == "local":
            paths.append(str(source.get("path") or ""))
    output = job.get("output_csv_path") if isinstance(job, dict) else None
    if output:
        paths.append(str(Path(str(output)).parent))
    return [path for path in paths if path]


def _find_table_fault(cursor: Cursor, config: ImportConfig, operators: list[tuple[str, str, list[str]]]) -> str:
    table, owner = config.target_table, _normalize_table(config.target_table)
    for name, target, _ in operators:
        if target and not target.startswith(LAKE) and _normalize_table(target) == owner:
            return f"{table} is the target of the import {name}; {_CHOOSE}"
    cursor.execute(_RELATIONS, ([table, table + VIEW_SUFFIX],))
    relations: list[Any] = cursor.fetchall()
    if not relations:
        return ""
    cursor.execute(_MAKER, (table,))
    maker = cursor.fetchone()
    own = {(table, "r", False), (table + VIEW_SUFFIX, "v", False)} if maker and maker[1] else set()
    for relation in relations:
        if tuple(relation) not in own:
            return f"{relation[0]} was not created by an upload; {_CHOOSE}"
    if (table, "r", False) in relations:
        cursor.execute(sql.SQL(_ROW_OF_OTHERS).format(sql.Identifier(*config.schema_and_table)))
        if row := cursor.fetchone():
            return f"{table} has rows of the import {row[0]}; {_CHOOSE}"
    return ""


def _normalize_table(table: str) -> str:
    """Return the name of a table in one spelling: lower case, unquoted, with schema, without the suffix of a view."""
    name = table.replace('"', "").strip().lower()
    return (name if "." in name else f"public.{name}").removesuffix(VIEW_SUFFIX)


def _find_folder_owner(path: str, operators: list[tuple[str, str, list[str]]], is_folder: bool) -> str:
    """Return the import that owns the folder an upload would write to, "" if there is none."""
    data = settings.current().etl_data_dir.resolve()
    written = (data / path).resolve()
    for name, target, folders in operators:
        lake = (data / target.removeprefix(LAKE)).resolve() if target.startswith(LAKE) else None
        if lake is not None and (written.is_relative_to(lake) or lake.is_relative_to(written)):
            return name
        for folder in folders:
            owned = (data / folder).resolve()
            if written.parent == owned or (is_folder and owned.is_relative_to(written)):
                return name
    return ""
