"""The keys of a source of type mail; docs/mail.md explains them."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal, Self

from pydantic import ConfigDict, Field, SecretStr, field_validator, model_validator

from systemscripts.configuration.strict_model import Strict

IMAPS_PORT, IMAP_PORT = 993, 143


class Options(Strict):
    """A mailbox: the login, whose mails count, and what happens to a mail once its attachments are loaded."""

    model_config = ConfigDict(hide_input_in_errors=True)

    host: str = Field(min_length=1)
    port: int = Field(0, ge=0, le=65535)
    # plain-text greeting, then TLS; without it TLS from the first byte
    starttls: bool = False
    user: str = Field(min_length=1)
    password: SecretStr | None = None
    # of OAuth2, sent as XOAUTH2
    token: SecretStr | None = None
    # the only certificates to trust
    ca_file: str = ""
    folders: list[str] = Field(["INBOX"], min_length=1)
    # addresses, or @domain for all of a domain; "*" for everyone
    senders: list[str] = Field(min_length=1)
    # regular expression that a part of the subject matches
    subject: str = ""
    # of an attachment; by default the file_pattern of the import
    pattern: str = ""
    # only mails that came in that many days; 0: all
    days: int = Field(0, ge=0)
    # whether a mail without a result of SPF, DKIM or DMARC is left
    require_authenticated: bool = False
    # the name of the own server in Authentication-Results; by default, and with "*", the first such header counts
    authentication_server: str = ""
    settle: Literal["flag", "move", "keep"] = "flag"
    # seen, flagged, or a keyword
    flag: str = Field("seen", pattern=r"^[A-Za-z][A-Za-z0-9_$-]*$")
    # where `move` puts mails whose attachments are loaded, and those with a refused one
    done_folder: str = "done"
    refused_folder: str = "refused"
    # after which outcomes of its files the sender of a mail gets one answer
    answer: list[Literal["refused", "held", "loaded"]] = []

    @field_validator("senders")
    @classmethod
    def _check_senders(cls, value: list[str]) -> list[str]:
        if wrong := [sender for sender in value if sender != "*" and "@" not in sender]:
            raise ValueError(f"{wrong[0]!r} is neither an address nor @domain")
        return [sender.casefold() for sender in value]

    @model_validator(mode="after")
    def _check_login(self) -> Self:
        if bool(self.password) == bool(self.token):
            raise ValueError("needs either password: ${SOURCE_...} or token: ${SOURCE_...}")
        return self

    @model_validator(mode="after")
    def _check_server(self) -> Self:
        relies_on_results = self.require_authenticated or (self.answer and "*" in self.senders)
        if relies_on_results and not self.authentication_server:
            which = "require_authenticated" if self.require_authenticated else "answer with senders '*'"
            raise ValueError(
                f"{which} needs authentication_server, the first word of the Authentication-Results that your mail"
                " server writes ('*' if it names none and always writes the first): senders can write such headers, too"
            )
        return self

    @property
    def real_port(self) -> int:
        """Return the port, also where none is given."""
        return self.port or (IMAP_PORT if self.starttls else IMAPS_PORT)

    @property
    def name(self) -> str:
        """Return the mailbox for messages."""
        return f"{self.user} at {self.host}:{self.real_port}"

    @property
    def address(self) -> str:
        """Return the beginning of every `source_path`."""
        return f"imap://{self.user}@{self.host}:{self.real_port}/"

    @property
    def age(self) -> timedelta | None:
        """Return how old a mail may be, None for any age."""
        return timedelta(days=self.days) if self.days else None
