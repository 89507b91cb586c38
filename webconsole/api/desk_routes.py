"""Answer with the operator's desk, and take something off it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Literal

from flask import Blueprint, Response, jsonify
from pydantic import Field

from webconsole import decisions, desk_lines
from webconsole.api import answers, desk_answers
from webconsole.api.openapi import Body, describe, make_plain, parse_body
from webconsole.decisions import Decisions
from webconsole.desk_lines import Line
from webconsole.security import access

blueprint = Blueprint("desk_routes", __name__)


class Dismissal(Body):
    """What needs no decision, and why."""

    kind: Literal["run", "file", "late"]
    key: str = Field(
        description="run_uuid of a run, file_id of a refused file, key of a late one",
        min_length=1, max_length=decisions.MAX_REASON_LETTERS,
    )  # fmt: skip
    reason: str = Field(min_length=1, max_length=decisions.MAX_REASON_LETTERS)


@blueprint.get("/desk")
@access.allow("admin")
@describe(answer=desk_answers.Desk)
def show_desk() -> Response:
    """Return what needs a decision, each pipeline and feed with its last runs, and what runs now."""
    desk = desk_lines.load_desk()
    lists = {"warnings": desk.warnings, "running": desk.running}
    lines = {name: [_describe_line(line) for line in getattr(desk, name)] for name in ("pipelines", "feeds")}
    return jsonify(make_plain({"decisions": _describe_decisions(desk.decisions)} | lines | lists))


@blueprint.post("/desk/dismissals")
@access.allow("admin")
@describe(body=Dismissal, answer=answers.Done)
def dismiss() -> Response:
    """Take something off the desk, with a reason."""
    body = parse_body(Dismissal)
    return jsonify(headline=decisions.dismiss(body.kind, body.key, body.reason))


def _describe_decisions(needed: Decisions) -> dict[str, Any]:
    unmatched = [
        {"name": file.path.name, "imports": file.imports, "advice": file.advice} for file in needed.unmatched
    ]  # fmt: skip
    return vars(needed) | {"unmatched": unmatched}


def _describe_line(line: Line) -> dict[str, Any]:
    return {
        "name": line.name, "times": line.times, "last_success_at": line.good_at, "next_at": line.next_at,
        "pause": asdict(line.pause) if line.pause else None, "fault": line.fault, "files": line.files,
        "runs": [asdict(square) for square in line.squares],
    }  # fmt: skip
