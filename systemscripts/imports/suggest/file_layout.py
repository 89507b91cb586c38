"""Propose how files are laid out where each of them would otherwise be judged by its own content."""

from __future__ import annotations

from collections.abc import Sequence

from systemscripts.imports.suggest.read_file import FileFacts
from systemscripts.tables.column_names import make_column_names


def propose_layout(files: Sequence[FileFacts]) -> dict[str, object]:
    """Return the keys of `reading` for columns of fixed width, types and nested records; none where the files differ.

    A later file may have a value that fills its column: then blanks no longer show where the next one begins.
    """
    layouts = [_describe_layout(file) for file in files]
    return layouts[0] if all(layout == layouts[0] for layout in layouts) else {}


def _describe_layout(file: FileFacts) -> dict[str, object]:
    if file.layout:
        return file.layout
    positions = file.detected.positions
    if not positions or file.detected.header_row is None:
        return {}
    ends = [*map(str, positions[1:]), ""]
    spans = [f"{start + 1}-{end}" for start, end in zip(positions, ends, strict=True)]
    columns = dict(zip(make_column_names(file.headers), spans, strict=True))
    return {"header_row": file.detected.header_row, "fixed_width": columns}
