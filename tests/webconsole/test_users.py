"""The operator's page of users and groups, the same on the command line, and a user's own password."""

from __future__ import annotations

import re

import pytest
import requests

from tests.webconsole import console_pages
from tests.webconsole.conftest import PASSWORDS, Console

NEW = "quiet green river stone"


def post_form(console: Console, session: requests.Session, path: str, **fields: object) -> requests.Response:
    """Send a form of a page as a browser does."""
    data = fields | {"csrf_token": console.csrf_token(session)}
    return session.post(console.url + path, data=data, allow_redirects=False, timeout=60)


def test_the_operator_adds_a_user_who_signs_in_and_sees_what_the_group_sees(console: Console) -> None:
    console.installation.sql("create table if not exists public.by_hand (note text)")
    session = console.browser_session("anna")
    answer = post_form(
        console, session, "/console/groups", name="sales", tables="public.by_hand, public.orders*", description="Sales"
    )
    assert answer.status_code == 303 and answer.headers["Location"].endswith("/console/groups/sales")
    assert "public.by_hand" in session.get(f"{console.url}/console/groups/sales").text
    page = post_form(console, session, "/console/users", name="carl", role="user", email="carl@x.test", group="sales")
    password = re.search(r'class="secret">([^<]+)<', page.text)
    assert page.status_code == 200 and password is not None
    token = console.login("carl", password[1]).json()["token"]
    listed = requests.get(f"{console.url}/tables", headers={"Authorization": f"Bearer {token}"}, timeout=30).json()
    assert [row["table"] for row in listed["rows"]] == ["public.by_hand"]
    # the password is shown once and written nowhere
    assert password[1] not in session.get(f"{console.url}/console/users").text
    assert password[1] not in console.installation.read_logs()


def test_a_disabled_user_is_out_at_once_and_a_new_password_lets_the_user_in_again(console: Console) -> None:
    console.installation.run("console_user", "add", "dora", "--generate")
    session = console.browser_session("anna")
    page = post_form(console, session, "/console/users/dora/password")
    password = re.search(r'class="secret">([^<]+)<', page.text)[1]  # type: ignore[index]
    token = console.login("dora", password).json()["token"]
    assert post_form(console, session, "/console/users/dora/disable").status_code == 303
    headers = {"Authorization": f"Bearer {token}"}
    assert requests.get(f"{console.url}/tables", headers=headers, timeout=30).status_code == 401
    assert console.login("dora", password).status_code == 401
    assert "disabled" in session.get(f"{console.url}/console/users").text


def test_the_only_operator_can_neither_be_disabled_nor_made_an_analyst(console: Console) -> None:
    session = console.browser_session("anna")
    for path, fields in (("/console/users/anna/disable", {}), ("/console/users/anna", {"role": "user"})):
        answer = post_form(console, session, path, **fields)
        assert answer.status_code == 409 and "only operator" in answer.text
    assert console.installation.sql("select role, is_active from dba.tuser where user_name = 'anna'") == [
        ("admin", True)
    ]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"name": "Up Per"}, "not a valid name"), ({"name": "g", "tables": "orders"}, "public.orders"),
        ({"name": "g", "tables": " ".join(f"public.t{i}" for i in range(300))}, "at most 200"),
        ({"name": "g", "personal": "x" * 500}, "not a valid name"),
    ],
)  # fmt: skip
def test_a_wrong_group_is_refused_with_what_to_write(console: Console, fields: dict[str, str], says: str) -> None:
    answer = post_form(console, console.browser_session("anna"), "/console/groups", **fields)
    assert answer.status_code == 409 and says in answer.text
    assert console.installation.sql("select count(*) from dba.tusergroup where group_name = 'g'") == [(0,)]


def test_the_command_line_does_what_the_page_does(console: Console) -> None:
    run = console.installation.run
    assert run("console_user", "group", "hr", "--tables", "public.staff", "--personal", "public.staff").returncode == 0
    assert run("console_user", "group", "hr", "--reports", "weekly_summary").returncode == 0
    assert run("console_user", "add", "emil", "--generate", "--group", "hr").returncode == 0
    assert run("console_user", "change", "emil", "--email", "emil@x.test").returncode == 0
    groups = console.installation.summary("console_user", "groups")["rows"]
    assert [row for row in groups if row["group"] == "hr"] == [
        {"group": "hr", "description": "", "tables": "public.staff", "lists": "", "reports": "weekly_summary",
         "personal": "public.staff", "members": "emil"}
    ]  # fmt: skip
    users = {row["user_name"]: row for row in console.installation.summary("console_user", "list")["rows"]}
    assert users["emil"]["groups"] == ["hr"] and users["emil"]["email"] == "emil@x.test"
    unknown = run("console_user", "change", "emil", "--group", "nowhere")
    assert unknown.returncode == 2 and "there is no group 'nowhere'" in unknown.stderr
    assert run("console_user", "change", "emil", "--group", "default").returncode == 0
    assert run("console_user", "delete-group", "hr").returncode == 0
    assert run("console_user", "delete-group", "default").returncode == 2


def test_a_user_changes_the_own_password_and_is_signed_out_everywhere_else(console: Console) -> None:
    first = console.installation.run("console_user", "add", "fay", "--generate").stdout.partition(": ")[2].split()[0]
    other = console.login("fay", first).json()["token"]
    session = requests.Session()
    session.post(f"{console.url}/auth/login", data={"user_name": "fay", "password": first}, timeout=30)
    page = f"{console.url}/console/account"
    for fields, status in (
        ({"old": "wrong wrong wrong", "new": NEW, "again": NEW}, 403),
        ({"old": first, "new": NEW, "again": NEW + "x"}, 422),
        ({"old": first, "new": "short", "again": "short"}, 422),
        ({"old": first, "new": first, "again": first}, 422),
    ):
        answer = post_form(console, session, "/console/account/password", **fields)
        assert answer.status_code == status and 'role="alert"' in answer.text, fields
    assert post_form(console, session, "/console/account/password", old=first, new=NEW, again=NEW).status_code == 303
    assert "Your password is changed" in session.get(page).text
    assert console.get("/tables", None, headers={"Authorization": f"Bearer {other}"}).status_code == 401
    assert console.login("fay", first).status_code == 401 and console.login("fay", NEW).status_code == 200


def test_guessing_the_own_password_has_to_wait_like_signing_in(console: Console) -> None:
    session = console.browser_session("ben")
    guess = {"old": "guess guess guess", "new": NEW, "again": NEW}
    statuses = [post_form(console, session, "/console/account/password", **guess).status_code for _ in range(6)]
    assert statuses[:3] == [403] * 3 and 429 in statuses
    assert console.installation.sql("select token_version from dba.tuser where user_name = 'ben'") == [(1,)]


def test_people_manage_users_and_change_their_password_with_the_keyboard_and_on_a_phone(console: Console) -> None:
    images = []
    with console_pages.start_browser() as browser:
        for width, scheme in (("desktop", "light"), ("phone", "dark")):
            with console_pages.open_person(browser, console, width, scheme) as who:
                who.sign_in("anna")
                for path in ("/console/users", "/console/groups/default", "/console/account"):
                    who.go(path)
                    assert not who.faults() and not who.sticks_out(), (width, path)
                    images.append(who.page.screenshot(full_page=True))
                who.go("/console/users")
                who.page.locator("summary", has_text="Add a user").click()
                assert not who.faults() and not who.sticks_out()
                who.page.keyboard.press("Escape")
        with console_pages.open_person(browser, console) as who:
            who.sign_in("anna")
            who.go("/console/account")
            who.page.get_by_label("Current password").focus()
            for text in (PASSWORDS["anna"], NEW, NEW):
                who.page.keyboard.type(text)
                who.page.keyboard.press("Tab")
            who.page.keyboard.press("Enter")
            who.page.get_by_text("Your password is changed").wait_for()
    console.installation.run("console_user", "password", "anna", "--generate")
