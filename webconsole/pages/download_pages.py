"""Show the downloads that are prepared in the background, and send them."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, abort, make_response, redirect, render_template

from webconsole import prepared_downloads, send_file
from webconsole.security import access

blueprint = Blueprint("downloads", __name__, url_prefix="/console/downloads")


@blueprint.get("")
@access.allow("user")
def show_list() -> str:
    """Show the downloads of the user."""
    return render_template("downloads.html", items=prepared_downloads.list_mine(access.require_user().name))


@blueprint.get("/live")
@access.allow("user")
def show_live_part() -> str:
    """Show the part of the page that changes while files are written."""
    return render_template("parts/downloads_live.html", items=prepared_downloads.list_mine(access.require_user().name))


@blueprint.get("/<uuid:key>.<any(csv, xlsx, parquet):suffix>")
@access.allow("user")
def send_prepared(key: UUID, suffix: str) -> Response:
    """Send a file that is ready."""
    item = prepared_downloads.find(str(key), access.require_user().name)
    if item is None or item.state != "ready" or item.suffix != suffix:
        abort(404, "This download does not exist, or is no longer kept. Start it again.")
    return send_file.send_stream(prepared_downloads.open_again(item), item.name, suffix)


@blueprint.post("/<uuid:key>/remove")
@access.allow("user")
def remove_prepared(key: UUID) -> Response:
    """Stop or remove a download."""
    prepared_downloads.remove(str(key), access.require_user().name)
    return make_response(redirect("/console/downloads", 303))
