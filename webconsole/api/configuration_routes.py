"""Answer questions about configurations and their versions, and store new ones."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, make_response, request
from pydantic import Field

from systemscripts.configuration import config_versions
from systemscripts.configuration.config_versions import Version
from webconsole import actions, connections, upload_form
from webconsole.api import answers
from webconsole.api.openapi import PAGE, Body, describe, make_plain, parse_body
from webconsole.api.run_routes import TEXT, make_page_json
from webconsole.error_handlers import make_answer
from webconsole.queries import configurations, keyset_pages
from webconsole.query_arguments import MAX_LIMIT, parse_limit, parse_number
from webconsole.security import access
from webconsole.upload_form import Upload

blueprint = Blueprint("configuration_routes", __name__)
VERSION = "int(max=2000000000):version"
PAGE_ROWS = 25


@blueprint.get("/configurations")
@access.allow("admin")
@describe(query=PAGE, answer=answers.PageOf[answers.Import])
def list_imports() -> Response:
    """Return the imports with their targets."""
    size = parse_limit(request.args, MAX_LIMIT)
    with connections.read_as_etl() as cursor:
        rows = configurations.list_imports(cursor)
    return jsonify(make_page_json(keyset_pages.slice_page(rows, size, request.args.get("after"))))


@blueprint.get("/config-history")
@access.allow("admin")
@describe(query={"import": TEXT} | PAGE, answer=answers.PageOf[answers.ConfigurationVersion])
def list_versions() -> Response:
    """Return the versions of all imports or of one, newest first, each with its first 100 letters."""
    size = parse_limit(request.args, PAGE_ROWS)
    with connections.read_as_etl() as cursor:
        number = keyset_pages.decode_number(request.args.get("after", ""))
        versions = config_versions.list_versions(cursor, request.args.get("import", ""), number, size + 1)
    following = keyset_pages.encode_key([versions[size - 1].config_history_id]) if len(versions) > size else None
    return jsonify(rows=[make_plain(_describe_version(item)) for item in versions[:size]], next=following)


@blueprint.get(f"/configurations/<name>/versions/<{VERSION}>")
@access.allow("admin")
@describe(answer=answers.VersionText)
def show_version(name: str, version: int) -> Response:
    """Return one version as YAML."""
    content = configurations.load_version(name, version)
    return jsonify(make_plain(_describe_version(content) | {"yaml": content.to_yaml()}))


@blueprint.get(f"/configurations/<name>/versions/<{VERSION}>/diff")
@access.allow("admin")
@describe(query={"with": {"type": "integer", "minimum": 0, "maximum": 2_000_000_000}}, answer=answers.VersionDiff)
def show_diff(name: str, version: int) -> Response:
    """Return the lines that differ between a version and another one (by default the one before)."""
    number = parse_number(request.args, "with")
    other = configurations.load_version(name, version - 1 if number is None else number)
    older, newer = sorted((other, configurations.load_version(name, version)), key=lambda item: item.version)
    lines = [f"{mark} {line}" for mark, line in config_versions.compare_versions(older, newer)]
    return jsonify({"from": older.version, "to": newer.version, "lines": lines})


@blueprint.post(f"/configurations/<name>/versions/<{VERSION}>/restore")
@access.allow("admin")
@describe(answer=answers.Done)
def restore(name: str, version: int) -> Response:
    """Make an old version of an import its newest version."""
    return jsonify(headline=actions.restore_configuration(name, version))


def _describe_version(version: Version) -> dict[str, Any]:
    return {
        "id": version.config_history_id, "config_name": version.config_name, "version": version.version,
        "changed_at": version.changed_at, "changed_by": version.changed_by, "source": version.source,
        "begins_with": version.make_excerpt(),
    }  # fmt: skip


class NewConfiguration(Body):
    """A YAML and the name for it."""

    name: str = Field(pattern="^[a-z][a-z0-9_]{0,40}$")
    yaml: str = Field(min_length=1, max_length=upload_form.MAX_YAML_BYTES)


@blueprint.post("/upload-config")
@access.allow("admin")
@describe(body=NewConfiguration, status=201, answer=answers.Done)
def upload_yaml() -> Response:
    """Check a YAML and store it as the next version; 422 lists every error with its line."""
    body = parse_body(NewConfiguration)
    upload = upload_form.check_upload(body.name, body.yaml)
    if upload.faults:
        return _answer_faults(upload)
    return make_response(jsonify(headline=upload_form.store_upload(upload, access.require_user().name)), 201)


class EditedConfiguration(Body):
    """The whole YAML of a configuration, edited."""

    yaml: str = Field(min_length=1, max_length=upload_form.MAX_YAML_BYTES)
    version: int | None = Field(None, description="The version that was edited; 422 if there is a newer one", ge=0)
    check_only: bool = Field(False, description="Store nothing")


@blueprint.put("/configurations/<name>")
@access.allow("admin")
@describe(body=EditedConfiguration, answer=answers.Stored)
def edit_yaml(name: str) -> Response:
    """Check an edited YAML and store it as the next version; 422 lists every error with its line."""
    body = parse_body(EditedConfiguration)
    upload = upload_form.check_edit(name, body.yaml, "" if body.version is None else str(body.version))
    if upload.faults:
        return _answer_faults(upload)
    if body.check_only:
        return jsonify(version=None, headline=f"{name} has no errors; nothing is stored")
    version, text = actions.edit_configuration(name, upload.text)
    return jsonify(version=version, headline=text)


def _answer_faults(upload: Upload) -> Response:
    faults = [{"line": fault.line, "text": fault.text} for fault in upload.faults]
    text = "; ".join(map(str, upload.faults))
    return make_answer(422, text, "Correct these lines and send it again.", faults=faults)


@blueprint.post("/configurations/<name>/pause")
@access.allow("admin")
@describe(answer=answers.Done)
def pause_import(name: str) -> Response:
    """Let the files of an import wait."""
    return jsonify(headline=actions.set_import_active(name, False))


@blueprint.post("/configurations/<name>/resume")
@access.allow("admin")
@describe(answer=answers.Done)
def resume_import(name: str) -> Response:
    """Load the files of an import again."""
    return jsonify(headline=actions.set_import_active(name, True))
