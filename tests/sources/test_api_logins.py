"""OAuth2: a token for many requests, renewed when it ends, never shown, and only for the API that it is for."""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from systemscripts.configuration import uploads
from systemscripts.http_client import oauth2
from tests.conftest import Installation
from tests.sources.test_api import RECORDS, Answer, answers, serve
from tests.sources.test_api_answers import LAST, Serve, Things, quick, things

__all__ = ["quick", "serve", "things"]  # the fixtures
SECRET = "client-Secret+1/2"
REFRESH = "refresh-Token-of-me"


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    oauth2._tokens.clear()
    oauth2._refresh_tokens.clear()
    yield


class Guarded:
    """An API whose pages need a token, and the server of its tokens."""

    def __init__(self) -> None:
        self.issued: list[str] = []
        self.forms: list[tuple[dict[str, str], str]] = []
        # answers of the token server before it works
        self.troubles: list[Answer] = []
        # how many requests a token is good for
        self.uses, self.used = 100, 0
        self.more: dict[str, Any] = {"expires_in": 3600}

    def __call__(self, path: str, parameters: dict[str, Any], headers: dict[str, str]) -> Answer:
        if path == "/token":
            self.forms.append((parameters, headers.get("Authorization", "")))
            if self.troubles:
                return self.troubles.pop(0)
            self.issued.append(f"token-Number-{len(self.issued)}")
            self.used = 0
            return 200, {"access_token": self.issued[-1], "token_type": "Bearer", **self.more}, {}
        self.used += 1
        if not self.issued or headers.get("Authorization") != f"Bearer {self.issued[-1]}" or self.used > self.uses:
            return 401, {"error": "invalid_token"}, {}
        begin = int(parameters.get("cursor", 0))
        more = {"next": str(begin + 1)} if begin + 1 < LAST else {}
        return 200, {"items": RECORDS[begin : begin + 1], **more}, {}


def login(url: str, **more: Any) -> dict[str, Any]:
    given = {"type": "oauth2", "token_url": f"{url}/token", "client_id": "me", "client_secret": "${SOURCE_API_SECRET}"}
    return {"authentication": given | more, "paging": {"style": "cursor"}}


@pytest.fixture
def settings(things: Things) -> None:
    things.found.write_settings(SOURCE_API_SECRET=SECRET, SOURCE_API_REFRESH=REFRESH)


@pytest.mark.usefixtures("settings")
@pytest.mark.parametrize("client_login", ["header", "body"])
def test_one_token_is_requested_for_all_pages_and_runs(things: Things, serve: Serve, client_login: str) -> None:
    guarded = Guarded()
    url = serve(guarded).url
    options = login(url, scope="read write", parameters={"audience": "shop"}, client_login=client_login)
    for _ in range(2):
        assert things.load(url, **options).problems == []
    assert (things.ids(), len(guarded.issued)) == (list(range(LAST)), 1)
    form = {"grant_type": "client_credentials", "audience": "shop", "scope": "read write"}
    encoded = base64.b64encode(b"me:client-Secret%2B1%2F2").decode()
    expected = (
        (form, f"Basic {encoded}")
        if client_login == "header"
        else (form | {"client_id": "me", "client_secret": SECRET}, "")
    )
    assert guarded.forms == [expected]


@pytest.mark.usefixtures("settings")
def test_a_token_that_ends_is_renewed_once_and_a_download_goes_on(things: Things, serve: Serve) -> None:
    guarded = Guarded()
    guarded.uses = 3
    api = serve(guarded)
    assert things.load(api.url, **login(api.url)).problems == []
    # each page once more where the token had ended
    pages = [asked[1].get("cursor", "0") for asked in api.requests if asked[0] != "/token"]
    assert (things.ids(), len(guarded.issued)) == (list(range(LAST)), 3)
    assert pages == ["0", "1", "2", "3", "3", "4", "5", "6", "6"]


@pytest.mark.usefixtures("settings")
def test_a_token_is_renewed_before_it_ends(things: Things, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    guarded = Guarded()
    guarded.more = {"expires_in": "40"}
    url = serve(guarded).url
    clock = iter(range(0, 10_000, 9))
    monkeypatch.setattr(oauth2.time, "monotonic", lambda: float(next(clock)))
    assert things.load(url, **login(url)).problems == []
    assert len(guarded.issued) > 1 and guarded.used <= 3


@pytest.mark.usefixtures("settings")
def test_a_token_that_never_works_is_said_after_one_renewal(things: Things, serve: Serve) -> None:
    guarded = Guarded()
    guarded.uses = 0
    url = serve(guarded).url
    done = things.load(url, **login(url))
    assert (done.exit_code, len(guarded.issued)) == (78, 2)
    assert "HTTP 401 invalid_token. Check the credentials" in done.problems[0]


@pytest.mark.usefixtures("settings")
@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        ((400, {"error": "invalid_client", "error_description": f"bad secret {SECRET}"}, {}), 78,
         "/token refused the login of the client: HTTP 400 bad secret ***"),
        ((200, {"token": "access-Text-1"}, {}), 65, "/token answers without access_token"),
        ((200, b"<html>access-Text-1</html>", {}), 65, "/token answers without access_token"),
        ((200, {"access_token": "access-Text-1", "token_type": "mac"}, {}), 65, "gives a token of type 'mac'"),
        ((302, b"", {"Location": "https://evil.example.test/"}), 78, "login of the client: HTTP 302"),
        ((429, {}, {"Retry-After": "9999"}), 75, "/token asked to be retried in 9,999 s"),
    ],
    ids=str,
)  # fmt: skip
def test_no_token_is_one_line_without_any_secret(
    installation: Installation, serve: Serve, answer: Answer, code: int, words: str
) -> None:
    installation.write_settings(SOURCE_API_SECRET=SECRET)
    guarded = Guarded()
    guarded.troubles = [answer] * 9
    url = serve(guarded).url
    source = {"type": "api", "url": url, "records": "items", "limits": {"first_pause_seconds": 0.01}, **login(url)}
    installation.configure("things", file_pattern=r".*\.jsonl", load_mode="append", sources=[source])
    done = installation.run("generic_import", "things", "--debug")
    assert done.returncode == code and words in done.stderr, done.stderr
    shown = done.stdout + done.stderr + installation.read_logs()
    assert not [text for text in (SECRET, "client-Secret", "access-Text-1", "Traceback") if text in shown]


@pytest.mark.usefixtures("settings")
def test_a_busy_token_server_is_asked_again(things: Things, serve: Serve) -> None:
    guarded = Guarded()
    guarded.troubles = [(503, {}, {}), (200, b'{"access_token": "x', {"Content-Length": "900"})]
    url = serve(guarded).url
    assert things.load(url, **login(url), limits={"first_pause_seconds": 0.01, "attempts": 4}).problems == []
    assert (things.ids(), len(guarded.forms)) == (list(range(LAST)), 3)


@pytest.mark.usefixtures("settings")
def test_a_refresh_token_that_is_replaced_is_used_and_warned_of(
    things: Things, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    guarded = Guarded()
    guarded.uses, guarded.more = 3, {"refresh_token": "following-Refresh"}
    url = serve(guarded).url
    with caplog.at_level(logging.INFO):
        done = things.load(url, **login(url, refresh_token="${SOURCE_API_REFRESH}", client_secret=""))
    assert (done.problems, things.ids()) == ([], list(range(LAST)))
    assert [form["refresh_token"] for form, _ in guarded.forms] == [REFRESH, "following-Refresh", "following-Refresh"]
    assert guarded.forms[0] == ({"grant_type": "refresh_token", "refresh_token": REFRESH, "client_id": "me"}, "")
    assert "replaced the refresh token" in caplog.text
    assert "following-Refresh" not in caplog.text and "token-Number" not in caplog.text


def test_a_token_goes_to_the_api_alone(things: Things, serve: Serve) -> None:
    things.found.write_settings(SOURCE_API_SECRET=SECRET)
    other = serve(answers((200, {"items": RECORDS[:1]}, {})))
    guarded = Guarded()
    tokens = serve(guarded)
    api = serve(answers((302, b"", {"Location": f"{other.url}/x"})))
    assert things.load(api.url, **login(tokens.url)).problems == []
    assert api.requests[0][2]["Authorization"] == "Bearer token-Number-0"
    assert "Authorization" not in other.requests[0][2]


def test_uploads_bind_their_secrets_to_both_servers_and_read_no_tables(things: Things) -> None:
    job = """
target_table: uploads.things
file_pattern: '.*'
sources:
  - type: api
    url: https://api.example.test/v1
    authentication:
      {type: oauth2, token_url: 'https://TOKENS/token', client_id: me, client_secret: '${SOURCE_API_SECRET}'}
"""
    things.found.write_settings(
        UPLOAD_ALLOWED_HOSTS="api.example.test,tokens.example.test",
        UPLOAD_VARIABLE_HOSTS="SOURCE_API_SECRET@tokens.example.test", SOURCE_API_SECRET=SECRET,
    )  # fmt: skip
    faults = " ".join(uploads.find_faults("things", job.replace("TOKENS", "tokens.example.test").encode()))
    assert "${SOURCE_API_SECRET} is not bound to api.example.test" in faults and "bound to tokens" not in faults, faults
    faults = " ".join(uploads.find_faults("things", job.replace("TOKENS", "evil.example.test").encode()))
    assert "evil.example.test is not among those that uploads may use" in faults
    keys = job + "    for_each: {query: select password from dba.tconsoleuser}\n    parameters: {id: '{password}'}\n"
    faults = " ".join(uploads.find_faults("things", keys.replace("TOKENS", "tokens.example.test").encode()))
    assert "for_each is not allowed in uploads" in faults
