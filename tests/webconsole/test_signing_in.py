"""Who gets in, and what a session is worth."""

from __future__ import annotations

import base64
import json
import time
import uuid

import jwt
import pytest
import requests

from tests.webconsole.conftest import PASSWORDS, Console, wait_for
from webconsole.security import tokens


def test_the_right_password_gives_a_token_that_opens_the_tables(console: Console) -> None:
    answer = console.login("ben", PASSWORDS["ben"]).json()
    assert (answer["token_type"], answer["role"], answer["user_name"]) == ("Bearer", "user", "ben")
    assert console.get("/console/tables", "ben").status_code == 200


def test_the_browser_gets_the_token_where_no_script_can_read_it(console: Console) -> None:
    answer = requests.post(
        f"{console.url}/auth/login", data={"user_name": "ben", "password": PASSWORDS["ben"]}, allow_redirects=False
    )
    cookie = answer.headers["Set-Cookie"]
    assert answer.status_code == 303
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Path=/" in cookie


def test_wrong_passwords_are_slowed_and_logged_and_an_unknown_name_is_answered_alike(console: Console) -> None:
    for name in ("ben", "nobody"):
        answers = [console.login(name, "wrong wrong wrong") for _ in range(6)]
        assert [answer.status_code for answer in answers[:3]] == [401, 401, 401]
        slowed = [answer for answer in answers if answer.status_code == 429]
        assert slowed and int(slowed[0].headers["Retry-After"]) >= 1
        assert {answer.json()["error"] for answer in answers if answer.status_code == 401} == {
            "The name or the password is wrong."
        }
        # also the right one has to wait then
        assert console.login(name, PASSWORDS["ben"]).status_code == 429
    assert console.login("anna", PASSWORDS["anna"]).status_code == 200  # another user does not
    assert "wrong password for 'nobody' from 127.0.0.1 (3 in a row)" in console.installation.read_logs()
    wait_for(lambda: console.login("ben", PASSWORDS["ben"]).status_code == 200)


def test_who_has_signed_in_by_a_browser_does_not_wait_for_the_wrong_tries_of_others(console: Console) -> None:
    run = console.installation.run
    password = run("console_user", "add", "dana", "--generate").stdout.partition(": ")[2].split()[0]
    address, right = f"{console.url}/auth/login", {"user_name": "dana", "password": password}
    session = requests.Session()
    assert session.post(address, data=right, allow_redirects=False).status_code == 303
    while console.login("dana", "guess guess guess").status_code != 429:
        pass
    assert session.post(address, data=right, allow_redirects=False).status_code == 303
    wrong = [session.post(address, data=right | {"password": "guess"}).status_code for _ in range(6)]
    assert wrong[:3] == [401] * 3 and 429 in wrong  # that browser is slowed for itself


def test_the_mark_of_a_browser_is_of_one_user_and_cannot_be_made_up() -> None:
    mark, key = tokens.make_browser_mark("dana", b"k" * 64), b"k" * 64
    assert tokens.find_known_browser(mark, "dana", key) == mark.partition(".")[0]
    for name, text, other in (
        ("anna", mark, key), ("dana", mark, b"j" * 64), ("dana", "x" + mark[1:], key), ("dana", "", key),
        ("dana", "ä.ö", key), ("dana", f".{mark}", key),
    ):  # fmt: skip
        assert tokens.find_known_browser(text, name, other) is None, (name, text)


def test_signing_out_ends_the_token_wherever_it_has_got_to(console: Console) -> None:
    session = console.browser_session("anna")
    token = session.cookies["console_session"]
    assert console.get("/console/runs", None, headers={"Authorization": f"Bearer {token}"}).status_code == 200
    data = {"csrf_token": console.csrf_token(session)}
    out = session.post(f"{console.url}/auth/logout", data=data)
    assert out.url.endswith("/console/sign-in")
    assert console.get("/console/runs", None, headers={"Authorization": f"Bearer {token}"}).status_code == 303


def test_a_new_password_and_disabling_end_all_sessions(console: Console) -> None:
    run = console.installation.run
    assert run("console_user", "add", "carl", "--generate").returncode == 0
    password = json.loads(run("console_user", "password", "carl", "--generate", "--json").stdout.splitlines()[0])
    token = console.login("carl", password["password"]).json()["token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert console.get("/console/tables", None, headers=headers).status_code == 200
    assert run("console_user", "password", "carl", "--generate").returncode == 0
    assert console.get("/console/tables", None, headers=headers).status_code == 303
    assert console.login("carl", password["password"]).status_code == 401
    assert run("console_user", "disable", "carl").returncode == 0
    assert run("console_user", "list").stdout.count("carl") == 1
    assert password["password"] not in console.installation.read_logs()


def forge_tokens(console: Console, **changes: object) -> dict[str, str]:
    """Return forged tokens of an operator, and an expired one."""
    claims = {
        "sub": "anna", "ver": 1, "jti": str(uuid.uuid4()), "iat": int(time.time()), "exp": int(time.time()) + 3600,
        "aud": "client-etl-console",
    } | changes  # fmt: skip
    right = (console.installation.data / "var" / "console_key").read_bytes()
    assert len(right) >= 48
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (
        {"alg": "none", "typ": "JWT"}, claims)]  # fmt: skip
    return {
        "alg none": f"{parts[0]}.{parts[1]}.",
        "wrong key": jwt.encode(claims, b"k" * 48, algorithm="HS256"),
        "over": jwt.encode(claims | {"exp": int(time.time()) - 5}, right, algorithm="HS256"),
        "old version": jwt.encode(claims | {"ver": 0}, right, algorithm="HS256"),
        "other audience": jwt.encode(claims | {"aud": "someone"}, right, algorithm="HS256"),
        "no end": jwt.encode({k: v for k, v in claims.items() if k != "exp"}, right, algorithm="HS256"),
        "HS512": jwt.encode(claims, right, algorithm="HS512"),
        "damaged": "a.b.c",
    }


def test_the_key_of_the_forgeries_is_the_right_one(console: Console) -> None:
    """Else the tests beside this one would pass whatever the console did."""
    right = (console.installation.data / "var" / "console_key").read_bytes()
    claims = {
        "sub": "anna", "ver": 1, "jti": str(uuid.uuid4()), "iat": 1, "exp": int(time.time()) + 60,
        "aud": "client-etl-console",
    }  # fmt: skip
    headers = {"Authorization": f"Bearer {jwt.encode(claims, right, algorithm='HS256')}"}
    assert console.get("/console/runs", None, headers=headers).status_code == 200


@pytest.mark.parametrize(
    "label", ["alg none", "wrong key", "over", "old version", "other audience", "no end", "HS512", "damaged"]
)
def test_a_forged_token_opens_nothing(console: Console, label: str) -> None:
    token = forge_tokens(console)[label]
    assert console.get("/console/runs", None, headers={"Authorization": f"Bearer {token}"}).status_code == 303
    assert console.get("/console/runs", None, cookies={"console_session": token}).status_code == 303


def test_the_sign_in_page_leads_only_to_pages_of_ours(console: Console) -> None:
    for next_page in ("https://evil.test/", "//evil.test/console/", "/console\\@evil.test", "javascript:alert(1)"):
        answer = requests.post(
            f"{console.url}/auth/login", allow_redirects=False,
            data={"user_name": "anna", "password": PASSWORDS["anna"], "next": next_page},
        )  # fmt: skip
        assert answer.headers["Location"] == "/console/"


def test_another_host_name_is_refused(console: Console) -> None:
    assert console.get("/console/sign-in", None, headers={"Host": "evil.test"}).status_code == 400
