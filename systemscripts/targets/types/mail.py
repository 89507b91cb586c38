"""Deliver files as the attachments of a mail to one address, by the mail server of the settings (SMTP_...)."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from systemscripts import mail, settings
from systemscripts.configuration.strict_model import Strict
from systemscripts.errors import ConfigurationError, EtlError, TryLaterError, describe_faults


class Options(Strict):
    """The keys of a target of this type."""

    # one address, because a mail that some have and others do not cannot be repeated for those alone
    to: settings.Mailbox
    # by default the names of the files
    subject: str = ""
    text: str = ""


def probe(written: dict[str, Any]) -> str:
    """Log in at the mail server once, for doctor.py, and return the result in words; raises EtlError."""
    mail.try_login()
    return f"the mail server takes mails for {written.get('to')}"


def deliver_once(
    options: dict[str, Any], paths: list[Path], mark: str, note_delivered: Callable[[], None] | None = None
) -> None:
    """Mail the files; the same delivery has the same Message-ID when it is tried again.

    `note_delivered`: is called as soon as the server has accepted the mail, before the rest of the session.

    Raises ConfigurationError (no server, refused login, wrong options), TryLaterError if the server is away or busy,
    EtlError if it refuses the address or one of the files.
    """
    try:
        chosen = Options.model_validate(options)
    except ValidationError as error:
        raise ConfigurationError(f"delivery target: {describe_faults(error, 'target')}") from error
    if not mail.is_configured():
        raise ConfigurationError("no mail server is configured", "Set SMTP_HOST.")
    names = ", ".join(path.name for path in paths)
    text = chosen.text or f"Attached: {names}"
    message = mail.compose(chosen.subject or names, [chosen.to], text, is_for_client=True)
    domain = mail.make_message_id().rpartition("@")[2]
    message.replace_header("Message-ID", f"<{mark}@{domain}")
    for path in paths:
        media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        message.add_attachment(path.read_bytes(), *media_type.split("/", 1), filename=path.name)

    def record_accepted(_: list[mail.Refusal]) -> None:
        if note_delivered is not None:
            note_delivered()

    refused = mail.send(message, [chosen.to], correct_in="the delivery target, to", on_accepted=record_accepted)
    for refusal in refused:
        text = f"the mail server refused {refusal}"
        if refusal.is_temporary:
            raise TryLaterError(text, "The next run tries it again.")
        raise EtlError(text, "Correct the address in the delivery target, to.")
