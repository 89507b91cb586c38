"""Create the files to attach from the rows of a query."""

from __future__ import annotations

import io
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from systemscripts import office_files, settings
from systemscripts.reports import parquet_attachment

logger = logging.getLogger(__name__)

TYPES = {
    "csv": ("text", "csv"),
    "xlsx": ("application", "vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    "parquet": ("application", "vnd.apache.parquet"),
}


@dataclass(frozen=True)
class File:
    """One file to attach; if it was too large, `content` is empty and `note` says so."""

    name: str
    content: bytes
    note: str = ""

    @property
    def media_type(self) -> tuple[str, str]:
        """Its media type, in two parts."""
        return TYPES[self.name.rpartition(".")[2]]

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters of its media type."""
        return {"charset": "utf-8"} if self.name.endswith(".csv") else {}


def make_file(name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> File:
    """Return a file of the type in its name; one larger than REPORT_ATTACHMENT_MB is left out with a note."""
    stream = io.BytesIO()
    if name.endswith(".xlsx"):
        office_files.write_xlsx(stream, columns, rows, "Report")
    elif name.endswith(".parquet"):
        stream.write(parquet_attachment.build_parquet(columns, rows))
    else:
        office_files.write_csv(stream, columns, rows)
    content = stream.getvalue()
    limit = settings.current().report_attachment_mb
    if len(content) > limit * 1e6:
        note = f"{name} is not attached: {len(content) / 1e6:.1f} MB is more than {limit:g} MB ({len(rows):,} rows)"
        logger.warning("%s", note, extra={"code": "attachment_left_out"})
        return File(name, b"", note)
    return File(name, content)
