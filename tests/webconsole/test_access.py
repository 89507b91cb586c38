"""Every route is refused without a session and from other sites, and analysts get only theirs."""

from __future__ import annotations

import re

import pytest

from tests.webconsole import routes
from tests.webconsole.conftest import Console
from tests.webconsole.routes import Route
from tests.webconsole.test_signing_in import forge_tokens

# allowed without signing in; a new route is refused to everyone until it names its role
OPEN = {
    "GET /", "GET /console/sign-in", "POST /auth/login", "GET /health", "GET /openapi.json", "GET /metrics",
    "GET /static/<path:filename>",
}  # fmt: skip
ANALYST = {
    "POST /auth/logout", "GET /console/", "GET /console/tables", "GET /console/tables/<path:name>",
    "GET /console/tables/<path:name>/download.<any(csv, xlsx, parquet):suffix>", "GET /console/lists",
    "GET /console/tables/<path:name>/groups", "GET /console/tables/<path:name>/totals",
    "GET /console/downloads", "GET /console/downloads/live", "POST /console/downloads/<uuid:key>/remove",
    "GET /console/downloads/<uuid:key>.<any(csv, xlsx, parquet):suffix>", "POST /console/views",
    "POST /console/views/<int(max=2000000000):number>/delete", "GET /console/lists/<name>/several",
    "GET /console/lists/<name>/now", "GET /console/lists/<name>/now.<any(csv, xlsx, parquet):suffix>",
    "GET /console/lists/<name>/changes", "GET /console/lists/<name>/changes.<any(csv, xlsx):suffix>",
    "GET /console/lists/<name>/counts", "GET /console/lists/<name>/earlier",
    "GET /console/tables/<path:name>/row/<int(max=2000000000):dataset_id>/<int(max=2000000000):line>",
    "GET /console/coverage", "GET /coverage-report",
    "GET /tables", "GET /tables/<path:name>/download.<any(csv, xlsx):ending>", "POST /data-view", "GET /console/view",
    "POST /console/view", "GET /console/glossary", "GET /console/account", "POST /console/account/password",
    "GET /account", "POST /account/password", "GET /console/reports", "GET /console/reports/<name>",
    "POST /console/reports/<name>/subscribe", "POST /console/reports/<name>/unsubscribe", "GET /reports",
    "GET /reports/<name>", "PUT /reports/<name>/subscription", "DELETE /reports/<name>/subscription",
}  # fmt: skip


def turned_away(route: Route, status: int) -> bool:
    return status == (303 if route.is_page else 401)


def test_every_route_names_its_role_and_only_these_are_open_or_for_analysts() -> None:
    # a route of the API stands twice, with the same view
    roles = {str(route).replace(" /api/v1/", " /"): route.role for route in routes.list_routes()}
    assert None not in roles.values()
    assert {name for name, role in roles.items() if role == "anyone"} == OPEN
    assert {name for name, role in roles.items() if role == "user"} == ANALYST


@pytest.mark.parametrize("route", routes.list_guarded_routes(), ids=str)
def test_without_a_session_nothing_opens(console: Console, route: Route) -> None:
    assert turned_away(route, console.call(route.method, route.path, None).status_code)


@pytest.mark.parametrize("route", [r for r in routes.list_guarded_routes() if r.role == "admin"], ids=str)
def test_an_analyst_is_refused_what_is_the_operators(console: Console, route: Route) -> None:
    answer = console.call(route.method, route.path, "ben")
    assert answer.status_code == 403
    assert "operator" in answer.text


def test_forged_and_expired_tokens_open_no_route(console: Console) -> None:
    # both paths of a route of the API have one view; the tests above try them all
    tried = [route for route in routes.list_guarded_routes() if not route.rule.startswith("/api/v1/")]
    for method, token in forge_tokens(console).items():
        for route in tried:
            by_header = console.call(route.method, route.path, None, headers={"Authorization": f"Bearer {token}"})
            by_cookie = console.call(route.method, route.path, None, cookies={"console_session": token})
            assert turned_away(route, by_header.status_code), (method, str(route))
            assert turned_away(route, by_cookie.status_code), (method, str(route))


@pytest.mark.parametrize("route", routes.list_changing_routes(), ids=str)
def test_a_cookie_alone_changes_nothing(console: Console, route: Route) -> None:
    cookies = {"console_session": console.token("anna")}
    for more in ({}, {"data": {"csrf_token": "0" * 64}}, {"headers": {"X-CSRF-Token": "x"}}):
        answer = console.call(route.method, route.path, None, cookies=cookies, **more)
        assert answer.status_code == 403, answer.text
        assert "older session" in answer.text


@pytest.mark.parametrize("route", [*routes.list_changing_routes(), Route("POST", "/auth/login", "anyone")], ids=str)
def test_another_site_changes_nothing_even_with_the_token_of_the_session(console: Console, route: Route) -> None:
    cookies = {"console_session": console.token("anna")}
    session = console.browser_session("anna")
    token = console.csrf_token(session)
    for headers in (
        {"Origin": "https://evil.test"}, {"Origin": "null"}, {"Origin": console.url.replace("127.0.0.1", "127.0.0.2")},
        {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
    ):  # fmt: skip
        answer = console.call(
            route.method, route.path, None, cookies=cookies, headers=headers | {"X-CSRF-Token": token}
        )
        assert answer.status_code == 403, (headers, answer.text)
        assert "another site" in answer.text


def test_every_answer_forbids_foreign_scripts_and_frames(console: Console) -> None:
    for path, name in (("/console/sign-in", None), ("/console/runs", "anna"), ("/logs", "anna"), ("/nothing", None)):
        headers = console.get(path, name).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert "Server" not in headers


def test_no_page_holds_inline_script_or_style(console: Console) -> None:
    for route in routes.list_routes():
        if route.method == "GET" and route.is_page and "<" not in route.rule:
            text = console.get(route.path).text
            assert "<style" not in text and " style=" not in text and " onclick=" not in text
            assert "<script>" not in text and "javascript:" not in text


@pytest.mark.parametrize(
    ("path", "room"),
    [
        ("", "Desk"), ("runs", "Runs"), ("runs/new", "Runs"), ("datasets", "Datasets"), ("rejects", "Rejects"),
        ("configurations", "Configurations"), ("history", "Configurations"), ("upload", "Configurations"),
        ("users", "Users"), ("reports", "Reports"), ("groups/default", "Users"),
        ("tables", "Tables"), ("log", "Log"), ("coverage", "Coverage"),
    ],
)  # fmt: skip
def test_the_menu_marks_the_one_room_that_a_page_is_in(console: Console, path: str, room: str) -> None:
    menu = console.get(f"/console/{path}").text.partition("<nav")[2].partition("</nav>")[0]
    assert re.findall(r'aria-current="page">([^<]+)<', menu) == [room]


def test_browsers_that_come_by_a_name_with_tls_stay_with_tls(console: Console) -> None:
    answer = console.get("/console/sign-in", None, headers={"Host": "console.example.test"})
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert "Strict-Transport-Security" not in console.get("/console/sign-in", None).headers
    assert console.get("/console/sign-in", None, headers={"Host": "evil.test"}).status_code == 400
