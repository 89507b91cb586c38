"""Lay out the columns of a file: their names and types in the target, which are left out, which are filled in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from zoneinfo import ZoneInfo

from systemscripts import settings
from systemscripts.configuration import ImportConfig
from systemscripts.configuration.column_schema import Column
from systemscripts.errors import BadDataError, ConfigurationError
from systemscripts.imports.values import row_checks
from systemscripts.imports.values.row_checks import Equation
from systemscripts.imports.values.skip_rows import SkipRule, compile_rules
from systemscripts.imports.values.transform_rows import Transform
from systemscripts.imports.values.validate_rows import Field, Rules
from systemscripts.tables.column_names import make_column_names
from systemscripts.tables.lineage import SOURCE_SHEET

TEXT = Column()


@dataclass
class Layout:
    """The columns of one file under one configuration."""

    width: int
    # the columns of the target, in the file's order; columns that the file lacks come last
    fields: list[Field]
    # column -> header as the client wrote it
    headers: dict[str, str]
    extras: dict[str, int] = field(default_factory=dict)
    extras_name: str = ""
    dropped: list[str] = field(default_factory=list)
    skip_if: list[SkipRule] = field(default_factory=list)
    equations: list[Equation] = field(default_factory=list)
    config: ImportConfig | None = None
    # load mode new_rows
    hashed: bool = False
    transform: Transform | None = None

    @property
    def names(self) -> list[str]:
        """Return the columns of the target that this file fills."""
        return [field.name for field in self.fields] + ([self.extras_name] if self.extras_name else [])

    @property
    def in_file(self) -> set[str]:
        """Return the columns that the file itself has."""
        return {field.name for field in self.fields if field.index is not None or field.column.fill} | set(self.extras)

    def find_missing(self, existing: Iterable[str]) -> list[str]:
        """Return the columns of the target (`existing`) and of the schema that this file lacks.

        Columns with a default, columns that the load fills, and the column of sheet names are never missing.
        """
        absent = [field for field in self.fields if field.index is None]
        given = {field.name for field in absent if field.column.default is not None} | {self.extras_name, SOURCE_SHEET}
        expected_names = dict.fromkeys([*existing, *(field.name for field in absent)])
        known = self.in_file | given
        return [name for name in expected_names if name not in known]

    @property
    def declared(self) -> set[str]:
        """Return the columns whose type the configuration declares."""
        return {field.name for field in self.fields if field.column != TEXT} | {self.extras_name}

    @property
    def filled(self) -> dict[str, str]:
        """Return the columns that the load itself fills, and how."""
        return {field.name: field.column.fill for field in self.fields if field.column.fill}

    @property
    def types(self) -> dict[str, str]:
        """Return the PostgreSQL type of each column."""
        names = {field.name: str(field.column.type) for field in self.fields}
        return names | ({self.extras_name: "jsonb"} if self.extras_name else {})

    def without(self, names: list[str]) -> Layout:
        """Return the layout without some undeclared columns."""
        left_out = set(names)
        kept = [field for field in self.fields if field.name not in left_out]
        return replace(self, fields=kept, dropped=[*self.dropped, *names])

    def with_columns(self, columns: dict[str, Column]) -> Layout:
        """Return the layout with some undeclared columns checked as if they were declared like this."""
        if self.config is None:
            return self
        config = self.config
        fields = [
            build_field(config, field.name, field.index, columns[field.name]) if field.name in columns else field
            for field in self.fields
        ]
        return replace(self, fields=fields)

    def rules(self, zone: ZoneInfo | None, lookups: dict[str, frozenset[str]]) -> Rules:
        """Return the rules for the rows; `zone`: the time zone of times without one."""
        return Rules(
            self.width, self.fields, self.equations, self.extras, self.extras_name, self.skip_if, zone, lookups,
            self.hashed, self.transform,
        )  # fmt: skip


def build_layout(
    config: ImportConfig, columns: list[str], headers: list[str], transform: Transform | None = None
) -> Layout:
    """Lay out a file's columns (already named) by what the configuration declares.

    `transform`: changes the columns first. Raises BadDataError when the file has an unexpected layout,
    ConfigurationError when the configuration contradicts itself.
    """
    _check_header(config, headers[columns[:1] == [SOURCE_SHEET] :])
    layout = Layout(len(columns), [], {}, config=config, hashed=config.load_mode == "new_rows", transform=transform)
    layout.skip_if = compile_rules(config.reading.skip_if, columns)
    written = dict(zip(columns, headers, strict=True))
    columns = transform.columns if transform else columns
    for index, name in enumerate(columns):
        header = written.get(name, "")
        declared = config.declared.get(name)
        if declared is not None and (declared.fill or declared.from_column):
            # the configuration fills this column from elsewhere
            layout.dropped.append(name)
        elif declared is not None:
            layout.fields.append(build_field(config, declared.rename or name, index, declared))
            layout.headers[declared.rename or name] = header
        elif name == SOURCE_SHEET:
            # not a column of the file: kept even in strict_mode
            layout.fields.append(build_field(config, name, index, TEXT))
        elif config.extras_json:
            layout.extras[name] = index
        elif config.strict_mode:
            layout.dropped.append(name)
        else:
            layout.fields.append(build_field(config, name, index, TEXT))
            layout.headers[name] = header
    _add_filled_columns(config, columns, layout)
    layout.extras_name = config.extras_json
    _check_names(layout)
    layout.equations = [_parse_equation(check.equation, check.tolerance, layout) for check in config.row_checks]
    return layout


def build_field(config: ImportConfig, name: str, index: int | None, declared: Column) -> Field:
    """Return a column of the target as the schema declares it, with the import's spellings for all columns."""
    marks = config.reading.null_markers if declared.null is None else declared.null
    declared = declared.with_defaults(config.reading)
    words = {*declared.true_words, *declared.false_words}
    return Field(name, index, declared, frozenset(["", *marks]) - words)


def _check_header(config: ImportConfig, headers: list[str]) -> None:
    """Raise BadDataError when the header is not the expected one; accents do not matter."""
    if config.exact_header and make_column_names(headers) != make_column_names(config.exact_header):
        expected, names = ",".join(config.exact_header), ",".join(headers)
        differs = _describe_difference(config.exact_header, headers)
        raise BadDataError(f"unexpected layout: expected the header {expected}, found {names}; {differs}")


def _describe_difference(expected: list[str], headers: list[str]) -> str:
    """Return which columns of a header are missing or not expected, else the first in another position."""
    expected_names, names = make_column_names(expected), make_column_names(headers)
    missing = [header for header, name in zip(expected, expected_names, strict=True) if name not in names]
    new = [
        f"{header!r} (column {number})"
        for number, (header, name) in enumerate(zip(headers, names, strict=True), start=1)
        if name not in expected_names
    ]
    parts = [f"missing: {', '.join(map(repr, missing))}"] if missing else []
    parts += [f"not expected: {', '.join(new)}"] if new else []
    if not parts:
        index = next(
            number for number, pair in enumerate(zip(expected_names, names, strict=True)) if pair[0] != pair[1]
        )
        parts = [f"in another order: column {index + 1} is {headers[index]!r}, not {expected[index]!r}"]
    return "; ".join(parts)


def _add_filled_columns(config: ImportConfig, columns: list[str], layout: Layout) -> None:
    indexes = {name: index for index, name in reversed(list(enumerate(columns)))}
    filled = {name: column for name, column in config.declared.items() if column.fill or column.from_column}
    absent = filled | {name: column for name, column in config.declared.items() if name not in indexes}
    given = {name for name, column in filled.items() if column.fill or column.from_column in indexes}
    needed = [name for name, column in absent.items() if column.required and column.default is None]
    needed = [name for name in needed if name not in given]
    if needed and columns:
        raise BadDataError(
            f"required columns are missing: {', '.join(needed)}",
            "Ask the sender for them, or give them a default in the schema.",
        )
    now = settings.now().isoformat(sep=" ")
    for name, column in absent.items():
        index = indexes.get(column.from_column) if column.from_column else None
        if column.fill:
            column = column.model_copy(
                update={"default": now if column.type == "timestamptz" else now[: len("2026-01-05 06:00:00")]}
            )
        layout.fields.append(build_field(config, column.rename or name, index, column))
        layout.headers[column.rename or name] = ""


def _check_names(layout: Layout) -> None:
    repeated = sorted(name for name, times in Counter(layout.names).items() if times > 1)
    if repeated:
        raise ConfigurationError(
            f"the schema gives two columns the same name: {', '.join(repeated)}", "Correct rename or extras_json."
        )


def _parse_equation(text: str, tolerance: float, layout: Layout) -> Equation:
    try:
        equation = row_checks.parse_equation(text, tolerance)
    except ValueError as error:
        raise ConfigurationError(f"row_checks: {error}") from error
    numeric = {field.name for field in layout.fields if field.column.type in ("integer", "bigint", "numeric")}
    if unknown := [name for name in equation.names if name not in numeric]:
        raise ConfigurationError(f"row_checks: {text!r} needs declared numbers: {', '.join(unknown)}")
    return equation
