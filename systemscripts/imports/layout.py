"""What the columns of a file become: their names and types in the target, what is left out, what is filled in."""

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
from systemscripts.imports.values.transform_rows import Transform
from systemscripts.imports.values.validate_rows import Field, Rules
from systemscripts.tables.column_names import make_column_names
from systemscripts.tables.lineage import SOURCE_SHEET

TEXT = Column()


@dataclass
class Layout:
    """The columns of one file under one configuration."""

    width: int
    fields: list[Field]  # what goes into the target, in the file's order; columns the file lacks come last
    headers: dict[str, str]  # column -> header as the client wrote it
    extras: dict[str, int] = field(default_factory=dict)
    extras_name: str = ""
    dropped: list[str] = field(default_factory=list)
    skip_if: dict[int, frozenset[str]] = field(default_factory=dict)
    equations: list[Equation] = field(default_factory=list)
    config: ImportConfig | None = None
    hashed: bool = False  # load mode new_rows
    transform: Transform | None = None

    @property
    def names(self) -> list[str]:
        """The columns of the target that this file fills."""
        return [each.name for each in self.fields] + ([self.extras_name] if self.extras_name else [])

    @property
    def in_file(self) -> set[str]:
        """The columns that the file itself holds."""
        return {each.name for each in self.fields if each.place is not None or each.column.fill} | set(self.extras)

    def find_missing(self, existing: Iterable[str]) -> list[str]:
        """Return the columns of the target (`existing`) and of the schema that this file lacks.

        What has a default, what the load fills in by itself and the names of sheets are never missing.
        """
        absent = [each for each in self.fields if each.place is None]
        given = {each.name for each in absent if each.column.default is not None} | {self.extras_name, SOURCE_SHEET}
        wanted = dict.fromkeys([*existing, *(each.name for each in absent)])
        known = self.in_file | given
        return [name for name in wanted if name not in known]

    @property
    def declared(self) -> set[str]:
        """The columns whose type the configuration names."""
        return {each.name for each in self.fields if each.column != TEXT} | {self.extras_name}

    @property
    def filled(self) -> dict[str, str]:
        """The columns that the load fills by itself, and how."""
        return {each.name: each.column.fill for each in self.fields if each.column.fill}

    @property
    def types(self) -> dict[str, str]:
        """Their PostgreSQL types."""
        found = {each.name: str(each.column.type) for each in self.fields}
        return found | ({self.extras_name: "jsonb"} if self.extras_name else {})

    @property
    def straight(self) -> bool:
        """Whether the records can be copied as they are: every column of the file, as text, nothing to check."""
        plain = all(each.column == TEXT and each.null == {""} for each in self.fields)
        whole = [each.place for each in self.fields] == list(range(self.width))
        more = self.extras_name or self.skip_if or self.equations or self.hashed or self.transform
        return plain and whole and not more

    def without(self, names: list[str]) -> Layout:
        """The layout with some undeclared columns left out."""
        left_out = set(names)
        kept = [each for each in self.fields if each.name not in left_out]
        return replace(self, fields=kept, dropped=[*self.dropped, *names])

    def with_columns(self, columns: dict[str, Column]) -> Layout:
        """Return the layout with some undeclared columns judged as if they were declared like this."""
        if self.config is None:
            return self
        config = self.config
        fields = [
            build_field(config, each.name, each.place, columns[each.name]) if each.name in columns else each
            for each in self.fields
        ]
        return replace(self, fields=fields)

    def rules(self, zone: ZoneInfo | None, lookups: dict[str, frozenset[str]]) -> Rules:
        """What the rows must fulfil."""
        return Rules(
            self.width, self.fields, self.equations, self.extras, self.extras_name, self.skip_if, zone, lookups,
            self.hashed, self.transform,
        )  # fmt: skip


def build_layout(
    config: ImportConfig, columns: list[str], headers: list[str], transform: Transform | None = None
) -> Layout:
    """Lay out a file's columns (already named) by what the configuration declares.

    `transform`: changes the columns first. Raises BadDataError when the file has another layout, ConfigurationError
    when the configuration contradicts itself.
    """
    _check_header(config, headers[columns[:1] == [SOURCE_SHEET] :])
    made = Layout(len(columns), [], {}, config=config, hashed=config.load_mode == "new_rows", transform=transform)
    _find_skips(config, columns, made)
    written = dict(zip(columns, headers, strict=True))
    columns = transform.columns if transform else columns
    for place, name in enumerate(columns):
        header = written.get(name, "")
        declared = config.declared.get(name)
        if declared is not None and (declared.fill or declared.from_column):
            made.dropped.append(name)  # the configuration says where this column comes from
        elif declared is not None:
            made.fields.append(build_field(config, declared.rename or name, place, declared))
            made.headers[declared.rename or name] = header
        elif name == SOURCE_SHEET:  # no column of the file: kept whatever is declared of those
            made.fields.append(build_field(config, name, place, TEXT))
        elif config.extras_json:
            made.extras[name] = place
        elif config.strict_mode:
            made.dropped.append(name)
        else:
            made.fields.append(build_field(config, name, place, TEXT))
            made.headers[name] = header
    _add_filled_columns(config, columns, made)
    made.extras_name = config.extras_json
    _check_names(made)
    made.equations = [_parse_equation(check.equation, check.tolerance, made) for check in config.row_checks]
    return made


def build_field(config: ImportConfig, name: str, place: int | None, declared: Column) -> Field:
    """A column of the target as the schema declares it, with the marks that the import declares for all columns."""
    marks = config.reading.null_markers if declared.null is None else declared.null
    if declared.type in ("integer", "bigint", "numeric"):
        marked = {
            "decimal": declared.decimal or config.reading.decimal,
            "thousands": declared.thousands or config.reading.thousands,
        }
        declared = declared.model_copy(update=marked)
    return Field(name, place, declared, frozenset(["", *marks]))


def _check_header(config: ImportConfig, headers: list[str]) -> None:
    """Another header is another layout; letters with and without accents are the same."""
    if config.exact_header and make_column_names(headers) != make_column_names(config.exact_header):
        expected, found = ",".join(config.exact_header), ",".join(headers)
        differs = _describe_difference(config.exact_header, headers)
        raise BadDataError(f"unexpected layout: expected the header {expected}, found {found}; {differs}")


def _describe_difference(expected: list[str], headers: list[str]) -> str:
    """Say which columns of a header differ: those missing and new, else the first that stands elsewhere."""
    wanted, names = make_column_names(expected), make_column_names(headers)
    missing = [header for header, name in zip(expected, wanted, strict=True) if name not in names]
    new = [
        f"{header!r} (column {number})"
        for number, (header, name) in enumerate(zip(headers, names, strict=True), start=1)
        if name not in wanted
    ]
    parts = [f"missing: {', '.join(map(repr, missing))}"] if missing else []
    parts += [f"not expected: {', '.join(new)}"] if new else []
    if not parts:
        place = next(number for number, pair in enumerate(zip(wanted, names, strict=True)) if pair[0] != pair[1])
        parts = [f"in another order: column {place + 1} is {headers[place]!r}, not {expected[place]!r}"]
    return "; ".join(parts)


def _find_skips(config: ImportConfig, columns: list[str], made: Layout) -> None:
    for name, values in config.reading.skip_if.items():
        if name not in columns:
            raise BadDataError(f"there is no column {name!r}, by which reading.skip_if tells rows that are no data")
        made.skip_if[columns.index(name)] = frozenset(values)


def _add_filled_columns(config: ImportConfig, columns: list[str], made: Layout) -> None:
    places = {name: place for place, name in reversed(list(enumerate(columns)))}
    made_here = {name: column for name, column in config.declared.items() if column.fill or column.from_column}
    absent = made_here | {name: column for name, column in config.declared.items() if name not in places}
    given = {name for name, column in made_here.items() if column.fill or column.from_column in places}
    needed = [name for name, column in absent.items() if column.required and column.default is None]
    needed = [name for name in needed if name not in given]
    if needed and columns:
        raise BadDataError(
            f"required columns are missing: {', '.join(needed)}",
            "Ask the sender for them, or give them a default in the schema.",
        )
    now = settings.now().isoformat(sep=" ")
    for name, column in absent.items():
        place = places.get(column.from_column) if column.from_column else None
        if column.fill:
            column = column.model_copy(
                update={"default": now if column.type == "timestamptz" else now[: len("2026-01-05 06:00:00")]}
            )
        made.fields.append(build_field(config, column.rename or name, place, column))
        made.headers[column.rename or name] = ""


def _check_names(made: Layout) -> None:
    twice = sorted(name for name, times in Counter(made.names).items() if times > 1)
    if twice:
        raise ConfigurationError(
            f"the schema gives two columns one name: {', '.join(twice)}", "Correct rename or extras_json."
        )


def _parse_equation(text: str, tolerance: float, made: Layout) -> Equation:
    try:
        found = row_checks.parse_equation(text, tolerance)
    except ValueError as error:
        raise ConfigurationError(f"row_checks: {error}") from error
    numeric = {each.name for each in made.fields if each.column.type in ("integer", "bigint", "numeric")}
    if unknown := [name for name in found.names if name not in numeric]:
        raise ConfigurationError(f"row_checks: {text!r} needs declared numbers: {', '.join(unknown)}")
    return found
