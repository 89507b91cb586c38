"""A client for HTTP APIs: retries, limits, verified TLS, and credentials that stay with their host.

Redirects are followed by hand, because each address must be checked before it is asked.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urljoin, urlsplit

from systemscripts import retries
from systemscripts.address_rules import AddressRules
from systemscripts.errors import BadDataError, ConfigurationError, EtlError, GaveUpError, TryLaterError
from systemscripts.http_client import answer
from systemscripts.http_client.answer import NO_CONTENT, Answer
from systemscripts.retries import TemporaryError

if TYPE_CHECKING:
    import requests

logger = logging.getLogger(__name__)
Given = TypeVar("Given")

RETRIED_STATUSES = (408, 425, 429, 500, 502, 503, 504)
CHUNK_BYTES = 1 << 16
# APIs redirect once or twice; more is a circle
MAX_REDIRECTS = 5
# the words of an error are at the beginning of an answer
MAX_ERROR_BYTES = 1 << 16


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


class AskedToWaitError(GaveUpError):
    """The server asks to wait longer than a run does; `seconds` from now."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message, "A later run continues.")
        self.seconds = seconds


@dataclass
class Client:
    """A client for one API. `headers` and `login` are sent to the origin of `base_url` alone."""

    base_url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    # HTTP basic authentication
    login: tuple[str, str] | None = None
    limits: Limits = Limits()
    rules: AddressRules = field(default_factory=AddressRules)
    ca_file: str = ""
    # requests so far
    used: int = 0

    def __post_init__(self) -> None:
        if urlsplit(self.base_url).scheme not in ("http", "https") or not urlsplit(self.base_url).hostname:
            raise ConfigurationError(f"{redact_url(self.base_url)} is not an HTTP address", "Expected https://...")
        self._session: requests.Session | None = None

    def get_json(self, url: str, parameters: Mapping[str, str] | None = None, **decoding: Any) -> Any:
        """Return the JSON at an address, NO_CONTENT for status 204; `decoding` goes to json.JSONDecoder.

        Raises GaveUpError when the server keeps failing or the budget of requests is used up (AskedToWaitError when
        it asks to wait longer than `limits.longest_pause`), ConfigurationError when asking again would not help (401,
        404, a forbidden host), BadDataError when the answer is not JSON.
        """
        return self._retry(url, lambda: self._fetch_json(url, parameters or {}, decoding))

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

    def _fetch_json(self, url: str, parameters: Mapping[str, str], decoding: dict[str, Any]) -> Any:
        with self.open_response(url, parameters) as response:
            given = self.read_answer(response)
        if given.status == 204:
            return NO_CONTENT
        try:
            return answer.parse_json(given, redact_url(url), **decoding)
        except answer.CutError as error:
            raise TemporaryError(str(error)) from error

    @contextlib.contextmanager
    def open_response(
        self, url: str, parameters: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None,
        accepted: Sequence[int] = (200, 204),
    ) -> Iterator[requests.Response]:  # fmt: skip
        """Yield the answer at an address after its redirects, with a body that is not read yet.

        `headers` go to every host. Raises TemporaryError where another attempt may succeed, ConfigurationError, and
        GaveUpError when the budget of requests is used up or the server asks to wait for long.
        """
        for _ in range(MAX_REDIRECTS + 1):
            with self._send_request(url, parameters or {}, headers or {}) as response:
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
                logger.info("%s redirects to %s", redact_url(url), redact_url(target))
                url, parameters = target, {}
        raise ConfigurationError(
            f"{redact_url(url)}: more than {MAX_REDIRECTS} redirects", "Write the final address in url."
        )

    def _send_request(
        self, url: str, parameters: Mapping[str, str], more_headers: Mapping[str, str]
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
        is_own_origin = get_origin(url) == get_origin(self.base_url)
        try:
            return self._session.get(
                url, params=dict(parameters), headers={**(self.headers if is_own_origin else {}), **more_headers},
                auth=self.login if is_own_origin else None, stream=True, allow_redirects=False,
                timeout=(self.limits.connect_seconds, self.limits.read_seconds),
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
        status = f"HTTP {response.status_code} {_read_error(response)}".rstrip()
        if response.status_code not in RETRIED_STATUSES:
            raise ConfigurationError(f"{redact_url(url)}: {status}", _choose_hint(response.status_code))
        requested = retries.parse_retry_after(response.headers.get("Retry-After"))
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


def get_origin(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of an address (RFC 6454); credentials are for one origin."""
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or (443 if parts.scheme == "https" else 80)


def redact_url(url: str) -> str:
    """Return an address without login and parameters, which may hold secrets, for logs and errors."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"


def _is_temporary(error: BaseException) -> bool:
    return isinstance(error, TemporaryError)


def _read_error(response: requests.Response) -> str:
    """Return the words of an answer that is an error; a part that cannot be read is left out."""
    import requests

    body = bytearray()
    with contextlib.suppress(requests.RequestException):
        for chunk in response.iter_content(CHUNK_BYTES):
            body += chunk
            if len(body) >= MAX_ERROR_BYTES:
                break
    return answer.find_error_text(
        Answer(response.status_code, bytes(body[:MAX_ERROR_BYTES]), response.headers.get("Content-Type", ""))
    )


def _choose_hint(status: int) -> str:
    if status in (401, 403):
        return "Check the credentials and their permissions."
    return "Check the address and its parameters." if status < 500 else ""
