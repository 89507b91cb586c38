"""Import configurations: which there are, their versions, what changed between two, and back to an earlier one."""

from __future__ import annotations

from flask import Blueprint, Response, abort, flash, make_response, redirect, render_template, request

from systemscripts.configuration import config_versions
from webconsole import actions, connections
from webconsole.queries import configurations, keyset_pages, warnings
from webconsole.query_arguments import number_from
from webconsole.security import access

blueprint = Blueprint("configurations", __name__)
IMPORTS = "/console/configurations"
VERSION = "int(max=2000000000):version"
PAGE = 25


@blueprint.get(IMPORTS)
@access.allow("admin")
def listed() -> str:
    """Every import."""
    with connections.reading() as cursor:
        found = configurations.listed(cursor)
    return render_template("configurations.html", imports=found)


@blueprint.get("/console/history")
@access.allow("admin")
def all_versions() -> str:
    """The versions of every import, newest first."""
    return _history("")


@blueprint.get(f"{IMPORTS}/<name>")
@access.allow("admin")
def one(name: str) -> str:
    """The versions of one import."""
    with connections.reading() as cursor:
        if name not in configurations.names(cursor):
            abort(404, f"There is no import {name}.")
    return _history(name)


def _history(name: str) -> str:
    after = request.args.get("after", "")
    with connections.reading() as cursor:
        found = config_versions.list_versions(cursor, name, keyset_pages.read_number(after), PAGE + 1)
        warned = warnings.of_import(cursor, name) if name and not after else []
    following = keyset_pages.written([found[PAGE - 1].config_history_id]) if len(found) > PAGE else None
    versions = [(version, version.make_excerpt()) for version in found[:PAGE]]
    return render_template(
        "configuration.html", name=name, versions=versions, after=after, following=following, path=request.path,
        warnings=warned,
    )  # fmt: skip


@blueprint.get(f"{IMPORTS}/<name>/<{VERSION}>")
@access.allow("admin")
def view(name: str, version: int) -> str:
    """One version as YAML."""
    found = configurations.version(name, version)
    with connections.reading() as cursor:
        newest = config_versions.list_versions(cursor, name, limit=1)[0].version
    return render_template("version.html", version=found, lines=found.to_yaml().splitlines(), newest=newest)


@blueprint.get(f"{IMPORTS}/<name>/<{VERSION}>/diff")
@access.allow("admin")
def diff(name: str, version: int) -> str:
    """What changed from another version (`with`; the one before) to this one."""
    wanted = number_from(request.args, "with")
    other = version - 1 if wanted is None else wanted
    both = (configurations.version(name, number) for number in (other, version))
    older, newer = sorted(both, key=lambda each: each.version)
    with connections.reading() as cursor:
        numbers = [each.version for each in config_versions.list_versions(cursor, name, limit=200)]
    return render_template(
        "diff.html",
        name=name,
        older=older,
        newer=newer,
        lines=config_versions.compare_versions(older, newer),
        numbers=numbers,
    )


@blueprint.post(f"{IMPORTS}/<name>/<{VERSION}>/restore")
@access.allow("admin")
def restore(name: str, version: int) -> Response:
    """Make the import what it was."""
    flash(actions.restore_configuration(name, version))
    return make_response(redirect(f"/console/configurations/{name}", 303))
