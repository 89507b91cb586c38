"""Write the YAML of an import from what was found in its files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from systemscripts.imports.suggest.infer_types import Proposal


def render_import(files: list[Path], name: str, proposals: list[Proposal], keys: list[str], notes: list[str]) -> str:
    """Return the YAML of an import called `name`; guesses are comments."""
    import yaml

    lines = [f"# Proposed from {', '.join(file.name for file in files)}; every column says why."]
    lines += [f"# {note}" for note in notes[:20]]
    lines += [f"file_pattern: {_quote_text(_find_file_pattern(files))}", f"target_table: public.{name}"]
    date = re.search(r"\d{8}(?:T\d{6})?", files[0].stem)
    if date:
        part = files[0].stem[: date.start()].count("_")
        form = "yyyyMMdd" + ("THHmmss" if "T" in date[0] else "")
        lines += ["dateconfig: filename", f"datelocation: {part}", f"dateformat: {form}"]
    lines += _render_label_and_date(files, date[0] if date else "")
    lines.append(_render_key(keys))
    lines.append("schema:")
    for proposal in proposals:
        shown: Any = proposal.declared["type"] if len(proposal.declared) == 1 else proposal.declared
        text = (
            yaml.safe_dump(shown, default_flow_style=True, allow_unicode=True, width=200).replace("\n...", "").strip()
        )
        lines.append(f"  {proposal.column}: {text}   # {proposal.reason}")
    return "\n".join(lines) + "\n"


def _render_key(keys: list[str]) -> str:
    """Return key_columns as a comment: the first column with a different value in every row, and others like it."""
    if not keys:
        return "# no column is different in every row"
    others = f"; so {'are' if len(keys) > 2 else 'is'} {', '.join(keys[1:4])}" if len(keys) > 1 else ""
    return f"# key_columns: [{keys[0]}]   # different in every row{others}"


def _render_label_and_date(files: list[Path], date: str) -> list[str]:
    """Return the part of the name to read the label from; only a comment unless the files differ in it."""
    names = [file.stem.split("_") for file in files]
    positions = range(min(map(len, names)))
    named = [position for position in positions if names[0][position] != date and not names[0][position].isdecimal()]
    if differing := [position for position in named if len({parts[position] for parts in names}) > 1]:
        return ["metadata_label_source: filename", f"metadata_label_location: {differing[0]}"]
    return [f"# metadata_label_source: filename, metadata_label_location: {p}   # {names[0][p]!r}" for p in named[:1]]


def _find_file_pattern(files: list[Path]) -> str:
    """Return a pattern for the names of the files, open for long numbers and for parts that differ."""
    names = [file.stem.split("_") for file in files]
    if len({len(parts) for parts in names}) == 1 and len(files) > 1:
        columns = zip(*names, strict=True)
        open_parts = [r"[^_]+" if len(set(part)) > 1 and not part[0].isdecimal() else "" for part in columns]
        if any(open_parts):
            number = [re.sub(r"\d{3,}", lambda f: rf"\d{{{len(f[0])}}}", re.escape(part)) for part in names[0]]
            stem = "_".join(free or part for free, part in zip(open_parts, number, strict=True))
            return stem + r"\." + files[0].suffix.lstrip(".").lower()
    stem = re.sub(r"\d{3,}", lambda match: rf"\d{{{len(match[0])}}}", re.escape(files[0].stem))
    return stem + r"\." + files[0].suffix.lstrip(".").lower()


def _quote_text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
