"""A client for HTTP APIs: retries, limits, verified TLS, and credentials that stay with their host.

Redirects are followed by hand, because each address must be checked before it is asked.
"""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urljoin, urlsplit

from systemscripts import retries
from systemscripts.address_rules import AddressRules
from systemscripts.errors import BadDataError, ConfigurationError, EtlError, GaveUpError, TryLaterError
from systemscripts.http_client import answer, oauth2
from systemscripts.http_client.answer import CHUNK_BYTES, NO_CONTENT, Answer
from systemscripts.http_client.url_origin import get_origin, redact_url
from systemscripts.retries import TemporaryError

if TYPE_CHECKING:
    import requests

logger = logging.getLogger(__name__)
Given = TypeVar("Given")

RETRIED_STATUSES = (408, 425, 429, 500, 502, 503, 504)
# APIs redirect once or twice; more is a circle
MAX_REDIRECTS = 5
# an answer that keeps method and body (RFC 9110, 15.4.8 and 15.4.9)
KEEPS_BODY = (307, 308)
MISSING_STATUSES = (404, 410)


@dataclass(frozen=True)
class Limits:
    """How long to wait for an API, and how much to ask of it."""

    connect_seconds: float = 10
    # between two reads
    read_seconds: float = 60
    # for a whole answer
    answer_seconds: float = 300
    attempts: int = 5
    # seconds; doubles with each further attempt
    first_pause: float = 1
    # seconds; a server that asks for more is asked again by a later run
    longest_pause: float = 300
    # of one run, retries included
    requests: int = 2000
    answer_bytes: int = 64 << 20
    # requests of one minute, evenly spread; 0: as fast as the server answers
    per_minute: float = 0


@dataclass(frozen=True)
class Reply:
    """The JSON of an answer, or NO_CONTENT, and its headers."""

    content: Any
    headers: Mapping[str, str]
    status: int = 200


class AskedToWaitError(GaveUpError):
    """The server asks to wait longer than a run does; `seconds` from now."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message, "A later run continues.")
        self.seconds = seconds


@dataclass
class Client:
    """A client for one API. `headers`, `login` and tokens of `grant` are sent to the origin of `base_url` alone."""

    base_url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    # HTTP basic authentication
    login: tuple[str, str] | None = None
    limits: Limits = Limits()
    rules: AddressRules = field(default_factory=AddressRules)
    ca_file: str = ""
    grant: oauth2.Grant | None = None
    # requests so far
    used: int = 0
    # when the last one began, by the monotonic clock
    last_asked: float = float("-inf")

    def __post_init__(self) -> None:
        if urlsplit(self.base_url).scheme not in ("http", "https") or not urlsplit(self.base_url).hostname:
            raise ConfigurationError(f"{redact_url(self.base_url)} is not an HTTP address", "Expected https://...")
        self._session: requests.Session | None = None

    def get_json(self, url: str, parameters: Mapping[str, Any] | None = None, **decoding: Any) -> Any:
        """Return the JSON at an address, NO_CONTENT for status 204; raises what ask_json raises."""
        return self.ask_json(url, parameters, **decoding).content

    def ask_json(
        self, url: str, parameters: Mapping[str, Any] | None = None, body: str = "", is_missing_allowed: bool = False,
        **decoding: Any,
    ) -> Reply:  # fmt: skip
        """Return the JSON of an answer; `decoding` goes to json.JSONDecoder.

        `body`: "" asks by GET, json or form sends the parameters by POST. `is_missing_allowed`: 404 and 410 count as
        NO_CONTENT, like 204. Raises GaveUpError when the server keeps failing or the budget of requests is used up
        (AskedToWaitError when it asks to wait longer than `limits.longest_pause`), ConfigurationError when asking again
        would not help (401, 404, a forbidden host), BadDataError when the answer is not JSON.
        """
        accepted = (200, 204, *(MISSING_STATUSES if is_missing_allowed else ()))
        return self._retry(url, lambda: self._fetch_json(url, parameters or {}, body, accepted, decoding))

    def get_page(self, url: str) -> tuple[str, bytes]:
        """Return the address that a page has after redirects, and its content; raises what get_json raises."""

        def fetch_page() -> tuple[str, bytes]:
            with self.open_response(url) as response:
                return response.url, self.read_answer(response).body

        return self._retry(url, fetch_page)

    def _retry(self, url: str, ask: Callable[[], Given]) -> Given:
        attempts = max(1, self.limits.attempts)
        try:
            for attempt in retries.build_attempts(redact_url(url), attempts, self.limits.first_pause, _is_temporary):
                with attempt:
                    return ask()
        except TemporaryError as error:
            error_type = GaveUpError if attempts > 1 else TryLaterError
            raise error_type(
                f"{redact_url(url)}: {error}, after {attempts} attempts", "The next run continues from there."
            ) from error
        raise EtlError(f"{redact_url(url)} was not asked")  # the loop above returns or raises

    def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            self._session.close()

    def _fetch_json(
        self, url: str, parameters: Mapping[str, Any], body: str, accepted: Sequence[int], decoding: dict[str, Any]
    ) -> Reply:
        with self.open_response(url, parameters, accepted=accepted, body=body) as response:
            given = self.read_answer(response)
            headers = response.headers
        if given.status == 204 or given.status in MISSING_STATUSES:
            return Reply(NO_CONTENT, headers, given.status)
        try:
            return Reply(answer.parse_json(given, redact_url(url), **decoding), headers)
        except answer.CutError as error:
            raise TemporaryError(str(error)) from error

    @contextlib.contextmanager
    def open_response(
        self, url: str, parameters: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None,
        accepted: Sequence[int] = (200, 204), body: str = "",
    ) -> Iterator[requests.Response]:  # fmt: skip
        """Yield the answer at an address after its redirects, with a body that is not read yet.

        `headers` go to every host. Raises TemporaryError where another attempt may succeed, ConfigurationError, and
        GaveUpError when the budget of requests is used up or the server asks to wait for long.
        """
        is_renewed = False
        for _ in range(MAX_REDIRECTS + 1):
            with self._send_request(url, parameters or {}, headers or {}, body) as response:
                if response.status_code == 401 and self.grant and not is_renewed and self._is_own_origin(url):
                    # the token ended earlier than it said
                    oauth2.forget_token(self.grant)
                    is_renewed = True
                    continue
                if not response.is_redirect:
                    if response.status_code not in accepted:
                        self._raise_status(url, response)
                    yield response
                    return
                target = urljoin(response.url, response.headers["Location"])
                if response.url.startswith("https:") and not target.startswith("https:"):
                    raise ConfigurationError(
                        f"{redact_url(url)} redirects to {redact_url(target)}, without TLS",
                        "Write the https:// address in url.",
                    )
                # what is sent may be secret, and other statuses turn it into a question without it
                if body and (response.status_code not in KEEPS_BODY or get_origin(target) != get_origin(url)):
                    raise ConfigurationError(
                        f"{redact_url(url)} redirects a POST to {redact_url(target)}; it was not followed",
                        "Write the final address in url.",
                    )
                logger.info("%s redirects to %s", redact_url(url), redact_url(target))
                url, parameters = target, parameters if body else {}
        raise ConfigurationError(
            f"{redact_url(url)}: more than {MAX_REDIRECTS} redirects", "Write the final address in url."
        )

    def _send_request(
        self, url: str, parameters: Mapping[str, Any], more_headers: Mapping[str, str], body: str
    ) -> requests.Response:
        headers = {**more_headers}
        login = None
        if self._is_own_origin(url):
            headers = {**self.headers, **headers}
            login = self.login
            if self.grant is not None:
                headers["Authorization"] = f"Bearer {oauth2.get_token(self.grant, self._post_form)}"
        if not body:
            return self._send("GET", url, headers, login, params=dict(parameters))
        if body == "form":
            return self._send("POST", url, headers, login, data=dict(parameters))
        headers["Content-Type"] = "application/json"
        return self._send("POST", url, headers, login, data=json.dumps(parameters).encode())

    def _post_form(self, url: str, form: Mapping[str, str], login: tuple[str, str] | None) -> Answer:
        """Send a form for a token, and return the answer; its headers are not those of the API."""
        with self._send("POST", url, {"Accept": "application/json"}, login, data=dict(form)) as response:
            if response.status_code in RETRIED_STATUSES:
                self._raise_status(url, response)
            return self.read_answer(response)

    def _is_own_origin(self, url: str) -> bool:
        return get_origin(url) == get_origin(self.base_url)

    def _wait_for_turn(self) -> None:
        """Wait until the next request is due by `limits.per_minute`."""
        if self.limits.per_minute:
            time.sleep(max(0.0, self.last_asked + 60 / self.limits.per_minute - time.monotonic()))
        self.last_asked = time.monotonic()

    def _send(
        self, method: str, url: str, headers: Mapping[str, str], login: tuple[str, str] | None, **content: Any
    ) -> requests.Response:
        import requests

        from systemscripts.http_client import checked_adapter

        if self.used >= self.limits.requests:
            raise GaveUpError(
                f"the budget of {self.limits.requests} requests is used up", "The next run continues from there."
            )
        self.used += 1
        scheme, host, port = get_origin(url)
        if scheme not in ("http", "https"):
            raise ConfigurationError(f"{redact_url(url)} is not an HTTP address", "Expected https://...")
        self.rules.check_name(host, port)
        self._session = self._session or checked_adapter.build_session(self.rules, self.ca_file)
        self._wait_for_turn()
        try:
            return self._session.request(
                method, url, headers=dict(headers), auth=login, stream=True, allow_redirects=False,
                timeout=(self.limits.connect_seconds, self.limits.read_seconds), **content,
            )  # fmt: skip
        except requests.exceptions.SSLError as error:
            raise ConfigurationError(
                f"{redact_url(url)}: its certificate is not trusted",
                "Set ca_file of the source to the certificate of its authority (PEM).",
            ) from error
        except (requests.ConnectionError, requests.Timeout) as error:
            raise TemporaryError(f"no answer ({type(error).__name__})") from error
        except requests.RequestException as error:
            raise ConfigurationError(
                f"{redact_url(url)} cannot be requested: {type(error).__name__}", "Correct url in the import."
            ) from error

    def read_answer(self, response: requests.Response) -> Answer:
        """Return an answer with its whole body; raises TemporaryError, BadDataError if it is longer than allowed."""
        body = self._read_body(response.url, response)
        return Answer(response.status_code, body, response.headers.get("Content-Type", ""))

    def _raise_status(self, url: str, response: requests.Response) -> None:
        status = f"HTTP {response.status_code} {answer.read_error(response)}".rstrip()
        if response.status_code not in RETRIED_STATUSES:
            raise ConfigurationError(f"{redact_url(url)}: {status}", _choose_hint(response.status_code))
        requested = retries.find_requested_pause(response.status_code, response.headers.get)
        if requested > self.limits.longest_pause:
            raise AskedToWaitError(f"{redact_url(url)} asked to be retried in {requested:,.0f} s: {status}", requested)
        raise TemporaryError(status, requested)

    def _read_body(self, url: str, response: requests.Response) -> bytes:
        import requests

        body, deadline = bytearray(), time.monotonic() + self.limits.answer_seconds
        try:
            for chunk in response.iter_content(CHUNK_BYTES):
                body += chunk
                if len(body) > self.limits.answer_bytes:
                    raise BadDataError(
                        f"{redact_url(url)}: the answer is longer than {self.limits.answer_bytes:,} bytes",
                        "Ask for smaller pages, or raise limits.answer_bytes.",
                    )
                if time.monotonic() > deadline:
                    raise TemporaryError(f"not finished after {self.limits.answer_seconds:g} s")
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            raise TemporaryError(f"the answer is truncated ({type(error).__name__})") from error
        except requests.exceptions.ContentDecodingError as error:
            raise TemporaryError("the answer cannot be decompressed") from error
        return bytes(body)


def _is_temporary(error: BaseException) -> bool:
    return isinstance(error, TemporaryError)


def _choose_hint(status: int) -> str:
    if status in (401, 403):
        return "Check the credentials and their permissions."
    return "Check the address and its parameters." if status < 500 else ""
