"""What a job has to say at its end: counts, a table, problems, what to do next."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

# Which exit code wins when several things went wrong: what only a person can mend comes first.
_WORST_FIRST = (78, 1, 65, 75, 2)


@dataclass
class Counts:
    """Rows of files; read = loaded + rejected + skipped."""

    read: int = 0
    loaded: int = 0
    rejected: int = 0
    skipped: int = 0

    def add(self, other: Counts) -> None:
        """Add the counts of one more file."""
        self.read += other.read
        self.loaded += other.loaded
        self.rejected += other.rejected
        self.skipped += other.skipped


@dataclass
class Summary:
    """The result of one job, shown as text or JSON, and the source of its exit code."""

    headline: str = ""
    counts: Counts = field(default_factory=Counts)
    files: int = 0
    rows: list[dict[str, Any]] = field(default_factory=list)  # a table: one dictionary a line, same keys
    details: list[str] = field(default_factory=list)  # lines below the table
    warnings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    next_steps: list[str] = field(default_factory=list)
    codes: set[int] = field(default_factory=set)
    only_looked: bool = False  # nothing was to do, so nothing is known of whether the job works
    shown: bool = False  # the job has printed its result itself, in the form that was asked for

    def problem(self, text: str, code: int = 1) -> None:
        """Note that something failed; the job goes on and ends with the worst code noted."""
        self.problems.append(text)
        self.codes.add(code)

    @property
    def exit_code(self) -> int:
        """0, or the worst code of the problems."""
        return next((code for code in _WORST_FIRST if code in self.codes), 0)

    def as_dict(self) -> dict[str, Any]:
        """The summary for --json."""
        values = {key: value for key, value in asdict(self).items() if key not in ("codes", "shown", "only_looked")}
        return values | {"exit_code": self.exit_code}

    def as_text(self) -> str:
        """The summary for people: headline, table, warnings, problems, next steps."""
        parts = [self.headline] if self.headline else []
        parts += _table(self.rows)
        parts += self.details
        parts += [f"warning: {text}" for text in self.warnings]
        parts += [f"problem: {text}" for text in self.problems]
        parts += (["next:"] + [f"  {step}" for step in self.next_steps]) if self.next_steps else []
        return "\n".join(parts)


def _table(rows: list[dict[str, Any]]) -> list[str]:
    if not rows:
        return []
    columns = list(rows[0])
    cells = [["" if row.get(name) is None else str(row.get(name)) for name in columns] for row in rows]
    widths = [max(len(line[i]) for line in [columns, *cells]) for i in range(len(columns))]
    numeric = [all(isinstance(row.get(name), int | float | None) for row in rows) for name in columns]

    def line(values: list[str]) -> str:
        return "  ".join(
            value.rjust(width) if right else value.ljust(width)
            for value, width, right in zip(values, widths, numeric, strict=True)
        ).rstrip()

    return [line(columns), line(["-" * width for width in widths]), *map(line, cells)]
