"""What is proposed for the files of an import, around its columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from systemscripts.imports.suggest.file_pattern import FilePattern
from systemscripts.imports.suggest.infer_types import Proposal
from systemscripts.imports.suggest.keys import KeyCandidate
from systemscripts.imports.suggest.load_mode import LoadMode
from systemscripts.imports.suggest.report_rows import SkipProposal


@dataclass(frozen=True)
class ImportProposal:
    """A proposed import: its columns, and everything else that its YAML says."""

    name: str
    file_names: Sequence[str]
    pattern: FilePattern
    columns: Sequence[Proposal]
    headers: Sequence[str]
    key: KeyCandidate | None
    load_mode: LoadMode
    skips: Sequence[SkipProposal] = ()
    # columns without an empty value, besides the key
    filled: Sequence[str] = ()
    notes: Sequence[str] = field(default=())
    # what a person decided: another table than public.NAME, a folder of its own, how to read the file, and that columns
    # which are not named are left out
    target_table: str = ""
    source_directory: str = ""
    reading: Mapping[str, object] = field(default_factory=dict)
    is_strict: bool = False
    # how a file is laid out: a key of reading -> its value
    layout: Mapping[str, object] = field(default_factory=dict)

    @property
    def questions(self) -> list[str]:
        """Return what only a person can answer, the most important first."""
        doubts = [f"{skip.reason}: a record? Otherwise take the rule below" for skip in self.skips if not skip.is_sure]
        columns = [f"{column.column} {column.question}" for column in self.columns if column.question]
        questions = (*columns[:1], self.pattern.question, *doubts[:1], self.load_mode.question)
        return [question for question in questions if question]
