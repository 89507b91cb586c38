"""What an uploaded configuration may write to: only tables and folders that nobody but uploads has made or named.

Other programs trust the tables of the operator's imports (links in them are followed, mails are made from them), so an
upload that filled one would reach further than its own rules allow.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psycopg2 import sql

from systemscripts import settings
from systemscripts.configuration import import_rows
from systemscripts.configuration.import_config import ImportConfig
from systemscripts.configuration.yaml_documents import KeyPath, read_document
from systemscripts.errors import ConfigurationError

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

VIEW_SUFFIX = "_current"
LAKE = "parquet:"
_CHOOSE = "an upload fills only tables that uploads made; choose another target"

# Every relation whose name is that of the target, or of its view, for any way of writing it.
_RELATIONS = """
    select n.nspname || '.' || c.relname, c.relkind::text,
        exists (select from pg_inherits i where c.oid in (i.inhrelid, i.inhparent))
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where lower(n.nspname || '.' || c.relname) = any(%s) and c.relkind not in ('i', 'I', 't')"""
# The import that made the table last, and whether all versions of that import came by upload.
_MAKER = """
    select config_name, coalesce((select bool_and(h.content ->> 'managed_by' = 'upload') from dba.tconfighistory h
        where h.config_name = s.config_name), false)
    from dba.tschemachange s where target_table = %s and statement ilike 'create table %%'
    order by schema_change_id desc limit 1"""
# Every row says which dataset it is of, so one row tells whose table it is: a table may have been renamed.
_ROW_OF_OTHERS = """
    select d.config_name from (select (to_jsonb(t.*) ->> 'dataset_id')::integer as dataset_id from {} t limit 1) r
    join dba.tdataset d using (dataset_id)
    where exists (select from dba.tconfighistory h
        where h.config_name = d.config_name and h.content ->> 'managed_by' <> 'upload')"""


def find_faults(cursor: Cursor, config: ImportConfig) -> Iterator[tuple[KeyPath, str]]:
    """Yield why an uploaded configuration may not write where it wants to, each with the key that names the place."""
    operators = _of_the_operator(cursor)
    if config.target_table and not config.target.parquet and (fault := _table_fault(cursor, config, operators)):
        yield ("target",), fault
    for key, path in (("target", config.target.parquet), ("output_csv_path", config.job.output_csv_path)):
        if path and (owner := _owner_of_folder(path, operators, is_folder=key == "target")):
            yield (key,), f"{path} lies in a folder of the import {owner}; choose another one"


def was_written_by_operator(cursor: Cursor, config_name: str) -> bool:
    """Return whether any version of an import came by another road than an upload."""
    cursor.execute(
        """select from dba.tconfighistory where config_name = %s and content ->> 'managed_by' <> 'upload' limit 1""",
        (config_name,),
    )
    return cursor.fetchone() is not None


def _of_the_operator(cursor: Cursor) -> list[tuple[str, str, list[str]]]:
    """Return name, target and local folders of every import that is not an upload, applied or still a file only."""
    cursor.execute(
        """select config_name, coalesce(target_table, ''), source_directory, sources, job from dba.timportconfig
           where managed_by <> 'upload'"""
    )
    rows: list[Any] = cursor.fetchall()
    imports = [(name, table, _folders(source, sources, job)) for name, table, source, sources, job in rows]
    for path in import_rows.FOLDER.glob("*.yaml"):
        try:
            values = read_document(path).values
        except ConfigurationError:
            # a file that cannot be read cannot be applied either; its own import says so
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


def _table_fault(cursor: Cursor, config: ImportConfig, operators: list[tuple[str, str, list[str]]]) -> str:
    table, owner = config.target_table, _plain_name(config.target_table)
    for name, target, _ in operators:
        if target and not target.startswith(LAKE) and _plain_name(target) == owner:
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
            return f"{relation[0]} was not made by an upload; {_CHOOSE}"
    if (table, "r", False) in relations:
        cursor.execute(sql.SQL(_ROW_OF_OTHERS).format(sql.Identifier(*config.schema_and_table)))
        if row := cursor.fetchone():
            return f"{table} has rows of the import {row[0]}; {_CHOOSE}"
    return ""


def _plain_name(table: str) -> str:
    """Return one spelling of a table's name: lower case, unquoted, with its schema; a view is named by its table."""
    name = table.replace('"', "").strip().lower()
    return (name if "." in name else f"public.{name}").removesuffix(VIEW_SUFFIX)


def _owner_of_folder(path: str, operators: list[tuple[str, str, list[str]]], is_folder: bool) -> str:
    """Return the import whose files an upload would write among, or an empty text."""
    data = settings.current().etl_data_dir.resolve()
    written = (data / path).resolve()
    for name, target, folders in operators:
        lake = (data / target.removeprefix(LAKE)).resolve() if target.startswith(LAKE) else None
        if lake is not None and (written.is_relative_to(lake) or lake.is_relative_to(written)):
            return name
        for folder in folders:
            place = (data / folder).resolve()
            if (written.parent == place) or (is_folder and place.is_relative_to(written)):
                return name
    return ""
