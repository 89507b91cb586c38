"""Answer questions about datasets and rejected rows, and change datasets."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, abort, jsonify, request

from systemscripts.summary import Summary
from webconsole import actions, connections, send_file
from webconsole.api import answers
from webconsole.api.openapi import PAGE, describe, make_plain, parse_body
from webconsole.api.run_routes import TEXT, Undo, answer_started, make_page_json
from webconsole.dataset_diff import compare_datasets, find_previous
from webconsole.queries import datasets, keyset_pages, warnings
from webconsole.query_arguments import parse_limit, parse_number
from webconsole.security import access

blueprint = Blueprint("dataset_routes", __name__)
DATASET = "int(max=2000000000):dataset_id"
# of one answer, if the request names no limit
MAX_LINES = 1000


@blueprint.get("/datasets")
@access.allow("admin")
@describe(
    query={"import": TEXT, "status": {"type": "string", "enum": list(datasets.STATUSES)}} | PAGE,
    answer=answers.PageOf[answers.Dataset],
)
def list_datasets() -> Response:
    """Return datasets, newest first."""
    name, status, after = (request.args.get(key, "") for key in ("import", "status", "after"))
    size = parse_limit(request.args, datasets.PAGE_ROWS)
    with connections.read_as_etl() as cursor:
        page = datasets.list_datasets(cursor, name, status, after, size)
    return jsonify(make_page_json(page))


@blueprint.get(f"/datasets/<{DATASET}>")
@access.allow("admin")
@describe(answer=answers.DatasetDetails)
def show_dataset(dataset_id: int) -> Response:
    """Return a dataset with its file and the warnings about them."""
    with connections.read_as_etl() as cursor:
        dataset_warnings = warnings.list_dataset_warnings(cursor, dataset_id)
    return jsonify(make_plain(_find_dataset(dataset_id) | {"warnings": dataset_warnings}))


@blueprint.post(f"/datasets/<{DATASET}>/undo")
@access.allow("admin")
@describe(body=Undo, answer=answers.Outcome)
def undo_dataset(dataset_id: int) -> Response:
    """Undo a dataset; cascade: also the later ones that build on it (upsert)."""
    return _describe_summary(actions.undo_dataset(dataset_id, parse_body(Undo).cascade))


@blueprint.post(f"/datasets/<{DATASET}>/accept")
@access.allow("admin")
@describe(answer=answers.Outcome)
def accept_dataset(dataset_id: int) -> Response:
    """Make a held dataset current."""
    return _describe_summary(actions.accept_dataset(dataset_id))


@blueprint.post(f"/datasets/<{DATASET}>/reload")
@access.allow("admin")
@describe(status=202, answer=answers.Started)
def reload_dataset(dataset_id: int) -> Response:
    """Start the load of the file of an undone dataset."""
    return answer_started(actions.reload_dataset(dataset_id))


@blueprint.get(f"/datasets/<{DATASET}>/changes")
@access.allow("admin")
@describe(query={"with": {"type": "integer", "minimum": 0, "maximum": 2_000_000_000}} | PAGE, answer=answers.Changes)
def show_changes(dataset_id: int) -> Response:
    """Return the differences to another dataset (by default the one before)."""
    row = _find_dataset(dataset_id)
    other = parse_number(request.args, "with")
    with connections.read_as_etl() as cursor:
        others = datasets.list_neighbours(cursor, row)
    number = find_previous(row, others) if other is None else other
    lines, comparison = compare_datasets(row, number)
    counts = {name: len(getattr(comparison, name)) for name in ("added", "removed", "changed")}
    page = keyset_pages.slice_page(lines, parse_limit(request.args, MAX_LINES), request.args.get("after"))
    return jsonify(make_plain({"dataset_id": dataset_id, "with": number} | counts) | make_page_json(page))


@blueprint.get("/rejects")
@access.allow("admin")
@describe(query={"import": TEXT} | PAGE, answer=answers.DatasetsWithRejects)
def list_rejects() -> Response:
    """Return datasets with rejected rows, and the newest refused files."""
    size = parse_limit(request.args, datasets.PAGE_ROWS)
    with connections.read_as_etl() as cursor:
        page = datasets.list_with_rejects(cursor, request.args.get("import", ""), request.args.get("after", ""), size)
        refused = datasets.list_refused_files(cursor)
    return jsonify(make_page_json(page) | {"refused": make_plain(refused)})


@blueprint.get("/refused-files")
@access.allow("admin")
@describe(query=PAGE, answer=answers.PageOf[answers.RefusedFile])
def list_refused_files() -> Response:
    """Return the refused files that no later load has resolved, newest first."""
    size = parse_limit(request.args, datasets.PAGE_ROWS)
    with connections.read_as_etl() as cursor:
        return jsonify(make_page_json(datasets.list_refused_pages(cursor, request.args.get("after"), size)))


@blueprint.get(f"/datasets/<{DATASET}>/rejects")
@access.allow("admin")
@describe(query=PAGE, answer=answers.PageOf[answers.RejectedRow])
def list_rejected_rows(dataset_id: int) -> Response:
    """Return the rejected rows of a dataset with their reasons."""
    _find_dataset(dataset_id)
    after, size = request.args.get("after", ""), parse_limit(request.args, datasets.PAGE_ROWS)
    with connections.read_as_etl() as cursor:
        return jsonify(make_page_json(datasets.list_rejected_rows(cursor, dataset_id, after, size)))


@blueprint.post(f"/datasets/<{DATASET}>/rejects/replay")
@access.allow("admin")
@describe(answer=answers.Outcome)
def replay_rejects(dataset_id: int) -> Response:
    """Check the rejected rows again with the current configuration."""
    return _describe_summary(actions.replay_rejects(dataset_id))


@blueprint.get(f"/datasets/<{DATASET}>/rejects/export.<any(csv, xlsx):ending>")
@access.allow("admin")
@describe(content=send_file.MEDIA_TYPE_LIST, answer={"type": "string", "format": "binary"})
def export_rejects(dataset_id: int, ending: str) -> Response:
    """Return the rejected rows as a file to send back."""
    return send_file.send_stream(actions.export_rejects(dataset_id, ending), f"rejects_{dataset_id}", ending)


def _find_dataset(dataset_id: int) -> dict[str, Any]:
    with connections.read_as_etl() as cursor:
        return datasets.find_dataset(cursor, dataset_id) or abort(404, f"Dataset {dataset_id} does not exist.")


def _describe_summary(summary: Summary) -> Response:
    return jsonify(
        headline=summary.headline,
        rows=make_plain(summary.rows),
        warnings=[notice.text for notice in summary.warnings],
        warning_rows=[asdict(notice) for notice in summary.warnings],
        counts=asdict(summary.counts),
    )
