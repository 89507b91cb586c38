"""Asking an HTTP API: patient, bounded, never further than it may go.

Timeouts, back-off on 429 and 5xx that honours Retry-After, a budget of requests, a limit of bytes, TLS verified,
redirects followed by hand: each is checked, and credentials stay with the host they are for.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from systemscripts import retries
from systemscripts.address_rules import AddressRules
from systemscripts.errors import BadDataError, ConfigurationError, EtlError, GaveUpError, TryLaterError
from systemscripts.http_client import answer
from systemscripts.http_client.answer import NO_CONTENT, Answer

if TYPE_CHECKING:
    import requests
    import tenacity

logger = logging.getLogger(__name__)

AGAIN = (408, 425, 429, 500, 502, 503, 504)
CHUNK = 1 << 16
MOST_REDIRECTS = 5
ERROR_BYTES = 1 << 16  # of an answer that is an error: its words stand within


@dataclass(frozen=True)
class Limits:
    """How far asking may go."""

    connect_seconds: float = 10
    read_seconds: float = 60  # between two reads
    answer_seconds: float = 300  # a whole answer
    attempts: int = 5
    first_pause: float = 1  # seconds; doubles with each further attempt
    longest_pause: float = 300  # who asks for more is asked again by a later run
    requests: int = 2000  # of one run, attempts included
    answer_bytes: int = 64 << 20


class AskedToWaitError(GaveUpError):
    """The server names a time before which it is not to be asked; `seconds` from now."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message, "A later run goes on.")
        self.seconds = seconds


class _AgainError(Exception):
    """An answer that may be better next time; `after`: seconds that the server names."""

    def __init__(self, message: str, after: float = 0) -> None:
        super().__init__(message)
        self.after = after


@dataclass
class Client:
    """Asks one API. `headers` and `login` are sent to the origin of `base_url` alone."""

    base_url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    login: tuple[str, str] | None = None  # HTTP basic authentication
    limits: Limits = Limits()
    rules: AddressRules = field(default_factory=AddressRules)
    ca_file: str = ""
    used: int = 0  # requests so far

    def __post_init__(self) -> None:
        if urlsplit(self.base_url).scheme not in ("http", "https") or not urlsplit(self.base_url).hostname:
            raise ConfigurationError(f"{redact_url(self.base_url)} is not an address of an API", "Expected https://...")
        self._session: requests.Session | None = None

    def get_json(self, url: str, parameters: Mapping[str, str] | None = None, **decoding: Any) -> Any:
        """The JSON that an address answers with, NO_CONTENT for status 204; `decoding` goes to json.JSONDecoder.

        Raises GaveUpError when the server does not answer well now or the budget is used up (AskedToWaitError where
        it wants more patience than `limits.longest_pause`), ConfigurationError where
        asking again would not help (401, 404, a host that may not be asked), BadDataError for what is not JSON.
        """
        for attempt in self._attempts(url):
            with attempt:
                found = self._follow(url, parameters or {})
                if found.status == 204:
                    return NO_CONTENT
                try:
                    return answer.parse_json(found, redact_url(url), **decoding)
                except answer.CutError as error:
                    raise _AgainError(str(error)) from error
        raise EtlError(f"{redact_url(url)} was not asked")  # tenacity returns or raises

    def close(self) -> None:
        """Free the connections."""
        if self._session is not None:
            self._session.close()

    def _attempts(self, url: str) -> tenacity.Retrying:
        import tenacity

        def pause(state: tenacity.RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            named = error.after if isinstance(error, _AgainError) else 0.0
            return max(retries.compute_pause(state.attempt_number - 1, self.limits.first_pause), named)

        def tell(state: tenacity.RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            logger.info("%s: %s; asked again in %.1f s", redact_url(url), error, state.upcoming_sleep)

        def give_up(state: tenacity.RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            kind = GaveUpError if state.attempt_number > 1 else TryLaterError
            raise kind(
                f"{redact_url(url)}: {error}, after {state.attempt_number} attempts", "The next run goes on from there."
            ) from error

        return tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self.limits.attempts),
            wait=pause,
            retry=tenacity.retry_if_exception_type(_AgainError),
            before_sleep=tell,
            retry_error_callback=give_up,
        )

    def _follow(self, url: str, parameters: Mapping[str, str]) -> Answer:
        """One answer, redirects followed."""
        for _ in range(MOST_REDIRECTS + 1):
            with self._ask(url, parameters) as response:
                if not response.is_redirect:
                    return self._read(url, response)
                following = urljoin(response.url, response.headers["Location"])
                if response.url.startswith("https:") and not following.startswith("https:"):
                    raise ConfigurationError(
                        f"{redact_url(url)} leads to {redact_url(following)}, without TLS",
                        "Write the https:// address in url.",
                    )
                logger.info("%s leads to %s", redact_url(url), redact_url(following))
                url, parameters = following, {}
        raise ConfigurationError(
            f"{redact_url(url)}: more than {MOST_REDIRECTS} redirects", "Write the address to which it leads in url."
        )

    def _ask(self, url: str, parameters: Mapping[str, str]) -> requests.Response:
        import requests

        from systemscripts.http_client import checked_adapter

        if self.used >= self.limits.requests:
            raise GaveUpError(
                f"the budget of {self.limits.requests} requests is used up", "The next run goes on from there."
            )
        self.used += 1
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https"):
            raise ConfigurationError(f"{redact_url(url)} is not an address of an API", "Expected https://...")
        self.rules.check_name(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
        self._session = self._session or checked_adapter.build_session(self.rules, self.ca_file)
        at_home = get_origin(url) == get_origin(self.base_url)
        try:
            return self._session.get(
                url, params=dict(parameters), headers=dict(self.headers) if at_home else {},
                auth=self.login if at_home else None, stream=True, allow_redirects=False,
                timeout=(self.limits.connect_seconds, self.limits.read_seconds),
            )  # fmt: skip
        except requests.exceptions.SSLError as error:
            raise ConfigurationError(
                f"{redact_url(url)}: its certificate is not trusted",
                "Set ca_file of the source to the certificate of its authority (PEM).",
            ) from error
        except (requests.ConnectionError, requests.Timeout) as error:
            raise _AgainError(f"no answer ({type(error).__name__})") from error
        except requests.RequestException as error:
            raise ConfigurationError(
                f"{redact_url(url)} cannot be asked: {type(error).__name__}", "Correct url in the import."
            ) from error

    def _read(self, url: str, response: requests.Response) -> Answer:
        import requests

        if response.status_code in AGAIN:
            after = retries.parse_retry_after(response.headers.get("Retry-After")) or 0.0
            said = _read_error(response)
            status = f"HTTP {response.status_code} {said}".rstrip()
            if after > self.limits.longest_pause:
                raise AskedToWaitError(f"{redact_url(url)} asked to be retried in {after:,.0f} s: {status}", after)
            raise _AgainError(status, after)
        if response.status_code not in (200, 204):
            said = _read_error(response)
            raise ConfigurationError(
                f"{redact_url(url)}: HTTP {response.status_code} {said}".rstrip(), _hint(response.status_code)
            )
        body, until = bytearray(), time.monotonic() + self.limits.answer_seconds
        try:
            for chunk in response.iter_content(CHUNK):
                body += chunk
                if len(body) > self.limits.answer_bytes:
                    raise BadDataError(
                        f"{redact_url(url)}: an answer of more than {self.limits.answer_bytes:,} bytes",
                        "Ask for smaller pages, or raise limits.answer_bytes.",
                    )
                if time.monotonic() > until:
                    raise _AgainError(f"not finished after {self.limits.answer_seconds:g} s")
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            raise _AgainError(f"the answer was cut ({type(error).__name__})") from error
        except requests.exceptions.ContentDecodingError as error:
            raise _AgainError("the answer cannot be unpacked") from error
        return Answer(response.status_code, bytes(body), response.headers.get("Content-Type", ""))


def _read_error(response: requests.Response) -> str:
    """Return the words of an answer that is an error; what of it cannot be read is left out."""
    import requests

    body = bytearray()
    with contextlib.suppress(requests.RequestException):
        for chunk in response.iter_content(CHUNK):
            body += chunk
            if len(body) >= ERROR_BYTES:
                break
    return answer.find_error_text(
        Answer(response.status_code, bytes(body[:ERROR_BYTES]), response.headers.get("Content-Type", ""))
    )


def get_origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of an address (RFC 6454): who credentials are for."""
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or (443 if parts.scheme == "https" else 80)


def redact_url(url: str) -> str:
    """An address for logs and errors: without login and parameters, where keys may stand."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"


def _hint(status: int) -> str:
    if status in (401, 403):
        return "Check the credentials, and what they allow."
    return "Check the address and its parameters." if status < 500 else ""
