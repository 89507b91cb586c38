"""The client of one API source: its login, its limits, the addresses it may reach."""

from __future__ import annotations

from systemscripts.address_rules import AddressRules
from systemscripts.configuration.source_options.api import Options
from systemscripts.http_client import Client, Limits


def connect(options: Options, rules: AddressRules) -> Client:
    """Return a client that logs in as the options say; their variables have values."""
    headers = {"Accept": "application/json", "User-Agent": "ClientETLWorkflow", **options.headers}
    login = None
    token = options.token
    if (given := options.authentication) is not None:
        token = given.token
        if given.type == "api_key":
            headers[given.header] = given.key
        elif given.type == "basic":
            login = (given.username, given.password)
    if token:
        headers["Authorization"] = f"Bearer {token}"
    asked = options.limits
    limits = Limits(
        read_seconds=asked.timeout_seconds, attempts=asked.attempts, first_pause=asked.first_pause_seconds,
        longest_pause=asked.longest_pause_seconds, requests=asked.requests, answer_bytes=asked.answer_bytes,
    )  # fmt: skip
    return Client(options.url, headers, login, limits, rules, options.ca_file)
