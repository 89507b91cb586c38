"""What every mail says of where it comes from: the end of its subject, and the last line of its text."""

from __future__ import annotations

import platform
import re

ORIGIN = re.compile(rf" \(([^()]+) on {re.escape(platform.node())}\)$")


def strip_origin(subject: str) -> str:
    """Return a subject without the environment and the host, which must be there."""
    assert ORIGIN.search(subject), subject
    return ORIGIN.sub("", subject)


def strip_signature(text: str) -> str:
    """Return a text without its last line, which must name the host."""
    body, _, signature = text.replace("\r\n", "\n").rpartition("\n-- \n")
    assert f" on {platform.node()}, Client ETL Workflow " in signature, text
    return body
