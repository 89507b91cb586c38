"""Send the figures for a monitoring system, which has a token of its own: METRICS_TOKEN."""

from __future__ import annotations

import hmac

from flask import Blueprint, Response, abort, request
from werkzeug.exceptions import Unauthorized

from systemscripts import settings
from webconsole import open_metrics
from webconsole.security import access

blueprint = Blueprint("metrics", __name__)


@blueprint.get("/metrics")
@access.allow("anyone")
def show_metrics() -> Response:
    """Return the figures as OpenMetrics text to a request with the token."""
    token = settings.current().metrics_token
    if token is None:
        abort(404, "There are no metrics here: the setting METRICS_TOKEN is not set.")
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    expected = token.get_secret_value().encode()
    if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode("utf-8", "replace"), expected):
        raise Unauthorized("Send the header Authorization: Bearer with the METRICS_TOKEN of config/.env.")
    return Response(open_metrics.collect_metrics(), content_type=open_metrics.MEDIA_TYPE)
