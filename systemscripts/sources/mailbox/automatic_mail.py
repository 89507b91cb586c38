"""Decide whether a mail may be answered by a program (RFC 3834): answers to answers would never end."""

from __future__ import annotations

from email.message import Message

from systemscripts import mail
from systemscripts.configuration.source_options.mail import Options
from systemscripts.sources.mailbox import sender_check

# mails of lists and of mass mailings
_PRECEDENCES = ("bulk", "junk", "list", "auto_reply")
# RFC 2369 and RFC 2919
_LIST_HEADERS = ("List-Id", "List-Post", "List-Unsubscribe", "List-Help", "List-Subscribe", "List-Owner")
# older marks of automatic mails
_MARKS = ("X-Autoreply", "X-Autorespond", "X-Auto-Response-Suppress", "X-Loop")
# addresses of programs (RFC 3834, 2; RFC 2142)
_PROGRAMS = ("mailer-daemon", "postmaster", "noreply", "no-reply", "donotreply", "do-not-reply", "bounce", "bounces")


def explain_silence(head: Message, options: Options) -> str:
    """Return why the sender of a mail gets no answer, "" if they may get one."""
    sender = sender_check.find_sender(head)
    if not sender or sender_check.judge_authentication(head, sender, options.authentication_server) == "failed":
        return "its sender failed the check"
    if not sender_check.is_named(sender, options) and (
        sender_check.judge_authentication(head, sender, options.authentication_server) != "passed"
    ):
        return "its sender is neither listed by name nor confirmed by SPF, DKIM or DMARC"
    return _explain_automatic(head) or _explain_address(sender, options)


def _explain_automatic(head: Message) -> str:
    submitted = str(head.get("Auto-Submitted", "no")).partition(";")[0].strip().lower()
    if submitted != "no":
        return "it was sent automatically"
    if str(head.get("Precedence", "")).strip().lower() in _PRECEDENCES:
        return "it is a mass mail"
    if any(head.get(name) is not None for name in _LIST_HEADERS):
        return "it came from a mailing list"
    if any(str(head.get(name, "none")).strip().lower() not in ("none", "no", "") for name in _MARKS):
        return "it asks for no automatic answer"
    if head.get_content_type() == "multipart/report" or str(head.get("Return-Path", "")).strip() == "<>":
        return "it is a report about another mail"
    return ""


def _explain_address(sender: str, options: Options) -> str:
    name, _, domain = sender.rpartition("@")
    plain = name.partition("+")[0]
    if plain in _PROGRAMS or plain.startswith("owner-") or plain.endswith("-request"):
        return "its sender is a program"
    own = {options.user.casefold(), mail.get_sender_address().casefold()}
    if sender in own or (name == options.user.casefold() and domain == options.host.casefold()):
        return "its sender is this installation"
    return ""
