"""Mail over SMTP with STARTTLS or TLS from the first byte, the server's certificate verified.

mail.compose(subject, recipients, text, html)   one message
mail.address_to(message, recipients)            the same message for other recipients
mail.send(message, recipients)                  hand it to the configured server; returns who was refused, and why
mail.try_login()                                reach the server, send nothing
"""

from __future__ import annotations

from systemscripts.mail.message import address_to, compose, get_sender_address, make_message_id
from systemscripts.mail.origin import add_to_subject, describe_origin, sign
from systemscripts.mail.session import LOOPBACK, Refusal, is_configured, send, try_login

__all__ = [
    "LOOPBACK", "Refusal", "add_to_subject", "address_to", "compose", "describe_origin", "get_sender_address",
    "is_configured", "make_message_id", "send", "sign", "try_login",
]  # fmt: skip
