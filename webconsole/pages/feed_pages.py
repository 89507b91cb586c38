"""Show the feeds: how the files of an import arrive, what was found in them, and how their figures move."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, flash, make_response, redirect, render_template, request

from systemscripts.monitoring.lateness import find_usual_gap
from webconsole import actions, charts, connections, desk_lines, feed_profile
from webconsole.arrival_chart import make_arrival_chart
from webconsole.queries import desk, feeds, start_choices
from webconsole.query_arguments import parse_number
from webconsole.security import access

blueprint = Blueprint("feeds", __name__, url_prefix="/console/feeds")
PAGE_FEEDS = 50


@blueprint.get("")
@access.allow("admin")
def show_list() -> str:
    """Show every feed by name."""
    after = request.args.get("after", "")
    pipelines, _ = desk_lines.load_pipelines()
    with connections.read_as_etl() as cursor:
        rows = desk.list_feeds(cursor, after, PAGE_FEEDS + 1, by_name=True)
        lines = desk_lines.list_feed_lines(cursor, rows[:PAGE_FEEDS], pipelines)
    following = rows[PAGE_FEEDS - 1]["config_name"] if len(rows) > PAGE_FEEDS else None
    return render_template("feeds.html", lines=lines, after=after, following=following)


@blueprint.get("/<name>")
@access.allow("admin")
def show_feed(name: str) -> str:
    """Show one feed."""
    first = parse_number(request.args, "from_column") or 1
    pipelines, _ = desk_lines.load_pipelines()
    with connections.read_as_etl() as cursor:
        row = feeds.find_feed(cursor, name) or abort(404, f"The feed {name} does not exist.")
        files = feeds.list_files(cursor, name)
        missed = feeds.list_missed_times(cursor, name)
        labels = feeds.list_labels(cursor, name)
        label = request.args.get("label") or feeds.find_newest_label(cursor, name)
        context: dict[str, Any] = {
            "row": row, "files": files, "missed": missed, "labels": labels, "label": label,
            "squares": desk_lines.make_squares(desk.list_feed_runs(cursor, [name])[name]),
            "findings": feeds.list_findings(cursor, name),
            "profile": feed_profile.build_profile(cursor, name, label, first),
            "job": start_choices.find_job(cursor, name),
        }  # fmt: skip
    times, next_at = desk_lines.describe_arrival(row, pipelines)
    gap = find_usual_gap([file["created_at"] for file in reversed(files)])
    return render_template(
        "feed.html", **context, times=times, next_at=next_at, gap=gap, arrivals=make_arrival_chart(files, missed),
        rows_chart=charts.make_file_chart(files), first=first, step=feeds.SHOWN_COLUMNS,
    )  # fmt: skip


@blueprint.post("/<name>/pause")
@access.allow("admin")
def pause_feed(name: str) -> Response:
    """Let the files of a feed wait."""
    flash(actions.set_import_active(name, False))
    return make_response(redirect(f"/console/feeds/{name}", 303))


@blueprint.post("/<name>/resume")
@access.allow("admin")
def resume_feed(name: str) -> Response:
    """Load the files of a feed again."""
    flash(actions.set_import_active(name, True))
    return make_response(redirect(f"/console/feeds/{name}", 303))
