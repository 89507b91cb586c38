"""Build the client of an API or HTTP source: login, limits and address rules."""

from __future__ import annotations

from systemscripts.address_rules import AddressRules
from systemscripts.configuration.source_options.api import HttpServer
from systemscripts.http_client import Client, Grant, Limits


def connect(options: HttpServer, rules: AddressRules, accept: str = "application/json") -> Client:
    """Return a client for options whose variables are resolved."""
    headers = {"Accept": accept, "User-Agent": "ClientETLWorkflow", **options.headers}
    login, grant = None, None
    token = options.token
    if (authentication := options.authentication) is not None:
        token = authentication.token
        if authentication.type == "api_key":
            headers[authentication.header] = authentication.key
        elif authentication.type == "basic":
            login = (authentication.username, authentication.password)
        elif authentication.type == "oauth2":
            grant = Grant(
                authentication.token_url, authentication.client_id, authentication.client_secret,
                authentication.refresh_token, authentication.scope, tuple(authentication.parameters.items()),
                authentication.client_login == "body",
            )  # fmt: skip
    if token:
        headers["Authorization"] = f"Bearer {token}"
    given = options.limits
    limits = Limits(
        read_seconds=given.timeout_seconds, attempts=given.attempts, first_pause=given.first_pause_seconds,
        longest_pause=given.longest_pause_seconds, requests=given.requests, answer_bytes=given.answer_bytes,
        per_minute=given.per_minute,
    )  # fmt: skip
    return Client(options.url, headers, login, limits, rules, options.ca_file, grant)
