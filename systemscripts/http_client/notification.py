"""Tell an outside service something by one request: a webhook, a ping."""

from __future__ import annotations

from systemscripts.address_rules import AddressRules
from systemscripts.errors import EtlError, TryLaterError


def send_notification(url: str, body: bytes | None, content_type: str, seconds: float) -> None:
    """Send a body by POST, or ask for the address by GET if there is none; the answer is not read.

    Addresses are checked as for a source, and proxies of the environment are not used. A redirect is not followed,
    because the body is for this address only. Raises TryLaterError, whose message contains no part of the address.
    """
    # late: most runs have nothing to tell
    import requests

    from systemscripts.http_client import checked_adapter

    headers = {"Content-Type": content_type} if body is not None else {}
    try:
        with (
            checked_adapter.build_session(AddressRules()) as session,
            session.request(
                "GET" if body is None else "POST", url, data=body, headers=headers, timeout=seconds, stream=True,
                allow_redirects=False,
            ) as response,
        ):  # fmt: skip
            status = response.status_code
    except requests.RequestException as error:
        raise TryLaterError(f"no answer ({type(error).__name__})") from error
    # the rules of addresses, or the host was not found
    except EtlError as error:
        raise TryLaterError(error.message) from error
    if not 200 <= status < 300:
        raise TryLaterError(f"the answer is HTTP {status}")
