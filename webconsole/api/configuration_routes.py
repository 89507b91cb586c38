"""Configurations and their versions."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, make_response, request
from pydantic import Field

from systemscripts.configuration import config_versions
from systemscripts.configuration.config_versions import Version
from webconsole import actions, connections, upload_form
from webconsole.api.openapi import Body, described, given, plain
from webconsole.api.run_routes import TEXT
from webconsole.queries import configurations, keyset_pages
from webconsole.query_arguments import number_from
from webconsole.security import access

blueprint = Blueprint("configuration_routes", __name__)
VERSION = "int(max=2000000000):version"
PAGE = 25


@blueprint.get("/configurations")
@access.allow("admin")
@described()
def listed() -> Response:
    """Every import with its target."""
    with connections.reading() as cursor:
        return jsonify(rows=plain(configurations.listed(cursor)))


@blueprint.get("/config-history")
@access.allow("admin")
@described(query={"import": TEXT, "after": TEXT})
def versions() -> Response:
    """The versions of every import, or of one, newest first, each with its first 100 letters."""
    with connections.reading() as cursor:
        number = keyset_pages.read_number(request.args.get("after", ""))
        found = config_versions.list_versions(cursor, request.args.get("import", ""), number, PAGE + 1)
    following = keyset_pages.written([found[PAGE - 1].config_history_id]) if len(found) > PAGE else None
    return jsonify(rows=[plain(_said(each)) for each in found[:PAGE]], next=following)


@blueprint.get(f"/configurations/<name>/versions/<{VERSION}>")
@access.allow("admin")
@described()
def one(name: str, version: int) -> Response:
    """One version as YAML."""
    found = configurations.version(name, version)
    return jsonify(plain(_said(found) | {"yaml": found.to_yaml()}))


@blueprint.get(f"/configurations/<name>/versions/<{VERSION}>/diff")
@access.allow("admin")
@described(query={"with": {"type": "integer", "minimum": 0, "maximum": 2_000_000_000}})
def diff(name: str, version: int) -> Response:
    """The lines in which a version differs from another one, the one before unless another is named."""
    wanted = number_from(request.args, "with")
    other = configurations.version(name, version - 1 if wanted is None else wanted)
    older, newer = sorted((other, configurations.version(name, version)), key=lambda each: each.version)
    lines = [f"{mark} {line}" for mark, line in config_versions.compare_versions(older, newer)]
    return jsonify({"from": older.version, "to": newer.version, "lines": lines})


@blueprint.post(f"/configurations/<name>/versions/<{VERSION}>/restore")
@access.allow("admin")
@described()
def restore(name: str, version: int) -> Response:
    """Make an import what it was at a version, as a new version."""
    return jsonify(headline=actions.restore_configuration(name, version))


def _said(version: Version) -> dict[str, Any]:
    return {
        "id": version.config_history_id, "config_name": version.config_name, "version": version.version,
        "changed_at": version.changed_at, "changed_by": version.changed_by, "source": version.source,
        "begins_with": version.make_excerpt(),
    }  # fmt: skip


class NewConfiguration(Body):
    """A YAML and the name it is to have."""

    name: str = Field(pattern="^[a-z][a-z0-9_]{0,40}$")
    yaml: str = Field(min_length=1, max_length=upload_form.MOST_BYTES)


@blueprint.post("/upload-config")
@access.allow("admin")
@described(body=NewConfiguration, status=201)
def upload() -> Response:
    """Check a YAML and store it as the next version; 422 lists every fault with its line."""
    wanted = given(NewConfiguration)
    found = upload_form.checked(wanted.name, wanted.yaml)
    if found.faults:
        faults = [{"line": fault.line, "text": fault.text} for fault in found.faults]
        text = "; ".join(map(str, found.faults))
        return make_response(jsonify(error=text, hint="Correct these lines and upload it again.", faults=faults), 422)
    return make_response(jsonify(headline=upload_form.store(found, access.the_user().name)), 201)
