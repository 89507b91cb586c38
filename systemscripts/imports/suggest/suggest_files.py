"""Suggest an import for some files: write its YAML, or show what would change in the one that exists."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from systemscripts import progress, settings
from systemscripts.commands import format_command
from systemscripts.configuration import read_document, yaml_folders
from systemscripts.directory_management import atomic_write
from systemscripts.errors import ConfigurationError, UsageError
from systemscripts.imports.suggest import compare_import, propose_import, read_file, render_yaml
from systemscripts.imports.suggest.import_proposal import ImportProposal
from systemscripts.imports.suggest.name_parts import split_name
from systemscripts.summary import Summary, add_prefix
from systemscripts.tables.column_names import make_column_names

# leaves room for the suffixes of views
MAX_NAME_LETTERS = 50


def suggest_import(files: list[Path], name: str, output: Path | None) -> Summary:
    """Write the YAML of an import to `output`, or show what would change where the import exists.

    `files`: the last one is the name of the import if there is no such file. Raises UsageError when `output` exists.
    """
    if len(files) > 1 and not name and re.fullmatch(r"[a-z][a-z0-9_]*", str(files[-1])) and not files[-1].exists():
        *files, last = files
        name = str(last)
    chosen = name or name_import(files[0])
    path = output or _choose_path(chosen)
    if path.exists() and output:
        raise UsageError(f"{path} exists already", "Give another --output.")
    summary, shown = Summary(), _shorten_path(path)
    proposal = _read_files(files, chosen, summary)
    if path.exists():
        changes = compare_import.list_changes(proposal, path)
        summary.headline = f"{shown} exists, nothing is written; {'this' if changes else 'nothing'} would change"
        summary.details = changes
        return summary
    with atomic_write(path) as stream:
        stream.write(render_yaml.render_import(proposal).encode())
    summary.rows = [{"column": p.column, "proposed": p.declared["type"], "why": p.reason} for p in proposal.columns]
    summary.headline = f"{shown} written: {len(proposal.columns)} columns from {summary.counts.read:,} rows"
    summary.details = [
        f"file names: {', '.join(proposal.pattern.examples)}",
        *([f"date: {proposal.pattern.note}"] if proposal.pattern.note else []),
        *(f"not data: {skip.reason}" for skip in proposal.skips if skip.is_sure),
        *_list_other_imports(proposal, path),
        *(f"question: {question}" for question in proposal.questions[:1]),
    ]
    summary.next_steps = _list_next_steps(chosen, files[0], path)
    return summary


def _choose_path(name: str) -> Path:
    """Return where the YAML of an import is or belongs; in the data folder if this user may not write there."""
    path = yaml_folders.find_file("imports", name)
    if path.exists() or yaml_folders.can_write(path.parent):
        return path
    folder = settings.current().etl_data_dir / "var" / "suggested"
    folder.mkdir(parents=True, exist_ok=True)
    # an earlier proposal is not a decision
    (folder / path.name).unlink(missing_ok=True)
    return folder / path.name


def _read_files(files: list[Path], name: str, summary: Summary) -> ImportProposal:
    """Read the files and return what is proposed for their import; count them in the summary."""
    facts = []
    for file in files:
        with progress.track(file.name) as tracker:
            facts.append(read_file.read_file(file, tracker.advance))
        summary.warn_all(add_prefix(facts[-1].warnings, file.name))
        summary.files += 1
        summary.counts.read += facts[-1].rows
        summary.counts.skipped += facts[-1].rows
    return propose_import.propose_import(facts, name)


def _shorten_path(path: Path) -> str:
    """Return a path as it can be typed here: relative if it is below the current folder."""
    return os.path.relpath(path) if path.is_absolute() and path.is_relative_to(Path.cwd()) else str(path)


def _list_other_imports(proposal: ImportProposal, path: Path) -> Iterator[str]:
    """Yield a line for each import that has a pattern which the files or the next ones fit too."""
    names = [*proposal.file_names, *proposal.pattern.examples]
    for other in yaml_folders.list_files("imports"):
        with contextlib.suppress(ConfigurationError, re.error, RecursionError):
            pattern = str(read_document(other).values.get("file_pattern", ""))
            if other != path and (fitting := [name for name in names if re.fullmatch(pattern, name)]):
                yield f"not loaded: {fitting[0]} fits {_shorten_path(other)} too: it would fit two imports"


def _list_next_steps(name: str, file: Path, path: Path) -> list[str]:
    """Return the commands that try and load the file, as they can be pasted. `path`: of the YAML."""
    target = yaml_folders.find_file("imports", name)
    move = [] if path == target else [yaml_folders.format_copy(path, target)]
    return [
        *move,
        format_command("generic_import", name, "--file", file, "--dry-run"),
        format_command("generic_import", name, "--file", file),
    ]


def name_import(file: Path) -> str:
    """Return a name for the import of a file: the words of its name that stay."""
    parts = split_name(file.name, settings.now().date()).parts
    words = " ".join(part.text for part in parts if part.role == "text")
    if not re.search(r"[^\W\d_]", words):
        return "files"
    name = make_column_names([words])[0][:MAX_NAME_LETTERS].strip("_")
    return name if name[:1].isalpha() else f"import_{name}"
