"""What was found in some files, as the YAML of their import."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from systemscripts.imports.suggest.infer_types import Proposal


def render_import(files: list[Path], name: str, proposals: list[Proposal], keys: list[str], notes: list[str]) -> str:
    """The YAML of an import called `name`; what is only a guess is a comment."""
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
    """The first column that tells every row from every other one, and what else does."""
    if not keys:
        return "# no column is different in every row"
    others = f"; so {'are' if len(keys) > 2 else 'is'} {', '.join(keys[1:4])}" if len(keys) > 1 else ""
    return f"# key_columns: [{keys[0]}]   # different in every row{others}"


def _render_label_and_date(files: list[Path], date: str) -> list[str]:
    """The part of the name that tells one file's subject from another's; only proposed where the files differ in it."""
    names = [file.stem.split("_") for file in files]
    places = range(min(map(len, names)))
    named = [place for place in places if names[0][place] != date and not names[0][place].isdecimal()]
    if differing := [place for place in named if len({parts[place] for parts in names}) > 1]:
        return ["metadata_label_source: filename", f"metadata_label_location: {differing[0]}"]
    return [f"# metadata_label_source: filename, metadata_label_location: {p}   # {names[0][p]!r}" for p in named[:1]]


def _find_file_pattern(files: list[Path]) -> str:
    """The file's name with every long number open, and what differs between several files."""
    names = [file.stem.split("_") for file in files]
    if len({len(parts) for parts in names}) == 1 and len(files) > 1:
        columns = zip(*names, strict=True)
        open_parts = [r"[^_]+" if len(set(part)) > 1 and not part[0].isdecimal() else "" for part in columns]
        if any(open_parts):
            number = [re.sub(r"\d{3,}", lambda f: rf"\d{{{len(f[0])}}}", re.escape(part)) for part in names[0]]
            stem = "_".join(free or part for free, part in zip(open_parts, number, strict=True))
            return stem + r"\." + files[0].suffix.lstrip(".").lower()
    stem = re.sub(r"\d{3,}", lambda found: rf"\d{{{len(found[0])}}}", re.escape(files[0].stem))
    return stem + r"\." + files[0].suffix.lstrip(".").lower()


def _quote_text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
