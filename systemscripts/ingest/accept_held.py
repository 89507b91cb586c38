"""Accept a held file: it is loaded by the ordinary code, as a new dataset, with its findings waived."""

from __future__ import annotations

import contextlib
import getpass
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from systemscripts import configuration, file_ledger
from systemscripts.commands import format_command
from systemscripts.configuration import ImportConfig
from systemscripts.configuration.learned_aliases import add_learned_aliases, learn_aliases, with_aliases
from systemscripts.datasets import load_decision, states
from systemscripts.datasets.load_decision import Decision
from systemscripts.db_utils import Connection, Cursor, advisory_lock, transaction
from systemscripts.directory_management import Directories
from systemscripts.errors import BadDataError, ConfigurationError, EtlError, UsageError
from systemscripts.findings import ledger
from systemscripts.findings.finding import Finding, join_texts, select
from systemscripts.imports import after_change, change_types
from systemscripts.ingest import (
    archive_and_settle,
    heal_target,
    judge_file,
    load,
    load_plan,
    prepare,
    reload_archived,
)
from systemscripts.ingest.both_databases import open_for_load, open_for_plan
from systemscripts.ingest.file_outcome import Outcome, add_outcome
from systemscripts.ingest.ingest_context import Context, check_upload
from systemscripts.ingest.prepare import PreparedFile
from systemscripts.summary import Summary
from systemscripts.tables.column_aliases import name_header

# accepted, they are a new measure of how many rows are usual
ROW_RULES = {"no_rows", "min_rows", "rows_dropped"}


@dataclass(frozen=True)
class Verdict:
    """What was decided about a held file, by whom and why.

    `waives`: load it although it has findings. `as_renamed`: take the proposed new names of its columns.
    `change_types`: first change the columns of the table by the schema.
    """

    decided_by: str = field(default_factory=getpass.getuser)
    reason: str = ""
    waives: bool = True
    as_renamed: bool = False
    change_types: bool = False
    # rule and column of what is waived; None: all that the file has against it
    only: frozenset[tuple[str, str | None]] | None = None


class StillHeldError(BadDataError):
    """Other findings than the waived ones hold or refuse the file."""

    def __init__(self, dataset_id: int, findings: list[Finding]) -> None:
        super().__init__(
            f"dataset {dataset_id} stays held: {join_texts(findings)}",
            f"Accept it again to load it anyway, or: {format_command('datasets', 'undo', dataset_id)}",
        )
        self.findings = findings


def accept_dataset(
    connection: Connection, directories: Directories, run_uuid: str, dataset_id: int, wait_seconds: float = 0,
    verdict: Verdict | None = None,
) -> Summary:  # fmt: skip
    """Load the file of a held dataset; returns what became of it.

    A held dataset of an older version, which has its rows in the target, becomes active by itself. Raises UsageError
    when it is not held, its file is gone or a newer one is active; BadDataError when other findings still hold it.
    """
    verdict, summary = verdict or Verdict(), Summary()
    with transaction(connection) as cursor:
        status, config_name, target_table, label, is_held_file = states.find_dataset(cursor, dataset_id)
    if status != "held":
        return _say_decided(connection, dataset_id, status)
    config = _load_config(connection, config_name)
    if verdict.change_types:
        change_types.log_changes(connection, config, run_uuid, wait_seconds)
    with contextlib.ExitStack() as locks:
        # those of a run of the import, and the one of the table that an older version loaded into
        for name in dict.fromkeys((f"import {config_name}", f"target {config.target_table}", f"target {target_table}")):
            locks.enter_context(advisory_lock(connection, name, wait_seconds))
        if is_held_file:
            context = Context(connection, config, directories, run_uuid)
            context = locks.enter_context(heal_target.open_context(context, wait_seconds))
            try:
                outcome = _load_held(context, dataset_id, verdict)
            except StillHeldError as error:
                _record_findings(context, dataset_id, error.findings)
                raise
            archive_and_settle.finish_files(context, summary)
        else:
            with transaction(connection) as cursor, after_change.recompute_affected(cursor, config, label):
                before = states.accept_dataset(cursor, dataset_id)
            replaced = f", dataset {before} is superseded" if before else ""
            return Summary(headline=f"dataset {dataset_id} is accepted{replaced}")
    word = "accepted and loaded" if verdict.waives else "loaded"
    summary.headline = f"dataset {dataset_id} is {word} as dataset {outcome.dataset_id}"
    add_outcome(summary, config_name, outcome)
    return summary


def accept_alike(
    connection: Connection, directories: Directories, run_uuid: str, dataset_id: int, wait_seconds: float = 0,
    verdict: Verdict | None = None,
) -> Summary:  # fmt: skip
    """Accept a held dataset and all others of its import that the same rule holds for the same column, oldest first."""
    with transaction(connection) as cursor:
        alike = ledger.find_held_alike(cursor, dataset_id)
        holding = select(ledger.read_findings(cursor, dataset_id), "hold")
    verdict = replace(verdict or Verdict(), only=frozenset(finding.subject for finding in holding))
    return _decide_each(connection, directories, run_uuid, alike or [dataset_id], wait_seconds, verdict)


def retry_held(
    connection: Connection, directories: Directories, run_uuid: str, config_name: str, wait_seconds: float = 0
) -> Summary:
    """Load the held files of an import that today's configuration has nothing against; the others stay held."""
    _load_config(connection, config_name)
    with transaction(connection) as cursor:
        held = states.find_held(cursor, config_name)
    return _decide_each(connection, directories, run_uuid, held, wait_seconds, Verdict(waives=False))


def _decide_each(
    connection: Connection, directories: Directories, run_uuid: str, dataset_ids: list[int], wait_seconds: float,
    verdict: Verdict,
) -> Summary:  # fmt: skip
    summary = Summary()
    loaded = 0
    for dataset_id in dataset_ids:
        try:
            done = accept_dataset(connection, directories, run_uuid, dataset_id, wait_seconds, verdict)
        except EtlError as error:
            if connection.closed:
                raise
            summary.problem(str(error), error.exit_code, error)
            continue
        loaded += 1
        summary.details.append(done.headline)
        summary.rows += done.rows
        summary.files += done.files
        summary.counts.add(done.counts)
        summary.show_warnings(done.warnings)
        for problem in done.problems:
            summary.problem(problem)
    summary.headline = f"{loaded} of {len(dataset_ids)} held datasets loaded" if dataset_ids else "nothing is held"
    return summary


def _load_config(connection: Connection, config_name: str) -> ImportConfig:
    """Return the import by today's YAML and rules; what was corrected is most often in the YAML."""
    _, faults = configuration.apply_valid_files(connection, needed=config_name)
    if config_name in faults:
        raise ConfigurationError(faults[config_name])
    config = configuration.load_import(connection, config_name)
    check_upload(connection, config)
    return config


def _say_decided(connection: Connection, dataset_id: int, status: str) -> Summary:
    """A decision that was made already, such as by a run that was killed after its commit, is made."""
    with transaction(connection) as cursor:
        if (became := states.find_accepted(cursor, dataset_id)) is not None:
            return Summary(headline=f"dataset {dataset_id} is accepted already, as dataset {became}: nothing to do")
    raise UsageError(f"dataset {dataset_id} is {status}, not held", states.describe_how_to_see_held())


def _load_held(context: Context, dataset_id: int, verdict: Verdict) -> Outcome:
    with transaction(context.connection) as cursor:
        findings = ledger.read_findings(cursor, dataset_id)
        ticket = file_ledger.load_ticket_of_dataset(cursor, dataset_id)
        known = add_learned_aliases(cursor, context.config).reading.aliases
    subjects = frozenset(finding.subject for finding in findings)
    waived = (subjects if verdict.only is None else subjects & verdict.only) if verdict.waives else frozenset()
    # a column whose new name was not taken is missing: once the new one is declared, that is how it is found
    waived |= {("column_missing", column) for rule, column in waived if rule == "column_renamed"}
    renames = _read_renames(findings, dataset_id) if verdict.as_renamed else {}
    _refuse_known_aliases(known, renames, dataset_id)
    config = with_aliases(context.config, list(renames.items()))
    context = replace(context, config=config, accepted=dataset_id, waived=waived)
    with reload_archived.open_file_of_dataset(ticket, dataset_id, context.directories) as path:
        as_kept = replace(ticket, path=file_ledger.to_stored_path(path, context.directories))
        with prepare.prepare_file(context, as_kept, write=False) as file:
            if as_kept.file_sha256 != ticket.file_sha256:
                raise UsageError(
                    f"{path} is not the file that is held as dataset {dataset_id}",
                    "Restore that file from a backup, then run it again.",
                )
            return _load_prepared(context, file, dataset_id, verdict, renames)


def _read_renames(findings: list[Finding], dataset_id: int) -> dict[str, str]:
    """Return the proposed new header of each column; raises UsageError where nothing is proposed."""
    renames = {
        finding.column: str(finding.detail["renamed_to"])
        for finding in findings
        if finding.column and "renamed_to" in finding.detail
    }
    if not renames:
        raise UsageError(
            f"no new name is proposed for a column of dataset {dataset_id}",
            "List the header under reading: aliases of the import, then retry what is held.",
        )
    return renames


def _refuse_known_aliases(known: Mapping[str, Sequence[str]], renames: dict[str, str], dataset_id: int) -> None:
    """Raise UsageError where a proposed header means another column already: one header is one column."""
    for column, header in renames.items():
        for other, headers in known.items():
            if other != column and name_header(header) in map(name_header, headers):
                raise UsageError(
                    f"{header!r} is to mean {column} in dataset {dataset_id}, but it means {other} already",
                    f"Undo the dataset whose acceptance taught that, or correct reading: aliases of the import; "
                    f"or accept dataset {dataset_id} as it is.",
                )


def _load_prepared(
    context: Context, file: PreparedFile, dataset_id: int, verdict: Verdict, renames: dict[str, str]
) -> Outcome:
    with open_for_plan(context) as cursor:
        decision = _decide(cursor, context, file, dataset_id)
        findings = judge_file.judge_shape(cursor, context, file)
        _refuse_held_still(findings, dataset_id)
        plan = load_plan.plan_load(cursor, context, file)
    load_plan.extend_target(context, plan, file)
    with (
        open_for_load(context) as cursor,
        after_change.recompute_affected(cursor, context.config, file.identity.label),
    ):
        cursor.execute("delete from dba.trejectedrow where dataset_id = %s", (dataset_id,))
        outcome = load.load_rows(cursor, context, file, plan, decision, findings)
        _refuse_held_still(outcome.findings, dataset_id)
        assert outcome.dataset_id is not None
        headers = dict(zip(file.columns, file.table.columns, strict=True))
        file_ledger.record_headers(cursor, file.ticket.file_id, headers)
        _close(cursor, context, dataset_id, outcome.dataset_id, verdict)
        if renames:
            name = context.config.config_name
            learn_aliases(cursor, name, renames, outcome.dataset_id, context.run_uuid, verdict.decided_by)
    return outcome


def _refuse_held_still(findings: list[Finding], dataset_id: int) -> None:
    """Raise BadDataError where other findings than the waived ones hold or refuse the file."""
    if still := [*select(findings, "refuse"), *select(findings, "hold")]:
        raise StillHeldError(dataset_id, still)


def _record_findings(context: Context, dataset_id: int, findings: list[Finding]) -> None:
    """Note what else a held file has against it, so that the next acceptance is one of that, too."""
    with transaction(context.connection) as cursor:
        known = {finding.subject for finding in ledger.read_findings(cursor, dataset_id)}
        ticket = file_ledger.load_ticket_of_dataset(cursor, dataset_id)
        new = [finding for finding in findings if finding.subject not in known]
        ledger.store_findings(
            cursor, new, context.config.config_name, ticket.label, ticket.file_id, dataset_id, context.run_uuid
        )


def _close(cursor: Cursor, context: Context, dataset_id: int, loaded_as: int, verdict: Verdict) -> None:
    """Close the held dataset in favour of the one that its file was loaded as."""
    if verdict.waives:
        states.replace_held(cursor, dataset_id, loaded_as, f"accepted as dataset {loaded_as}")
        if ROW_RULES & {finding.rule for finding in select(ledger.read_findings(cursor, dataset_id), "hold")}:
            states.mark_baseline(cursor, loaded_as)
        ledger.decide_findings(cursor, dataset_id, "accepted", verdict.decided_by, verdict.reason)
    else:
        states.replace_held(cursor, dataset_id, loaded_as, f"loaded as dataset {loaded_as} after a change")
        ledger.decide_findings(cursor, dataset_id, "overtaken", verdict.decided_by, "the configuration was changed")


def _decide(cursor: Cursor, context: Context, file: PreparedFile, dataset_id: int) -> Decision:
    """Return what the accepted file replaces; in snapshot mode raises UsageError where a newer one is active."""
    if context.config.load_mode != "snapshot":
        return Decision("load")
    active = load_decision.find_active(cursor, context.config.config_name, file.identity)
    if active is not None and states.find_arrival(cursor, active) > dataset_id:
        raise UsageError(f"dataset {active} is newer and active for the same label and date", "Undo it first.")
    return Decision("load", supersedes=active)
