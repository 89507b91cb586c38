"""Send a message by mail and webhook, with the standard library only."""

from __future__ import annotations

import contextlib
import json
import syslog
from pathlib import Path

from systemscripts.last_resort.alert_settings import Values

LOOPBACK = ("127.0.0.1", "localhost", "::1")
# For one reply of a mail server or webhook: a cron job waits for it.
ANSWER_SECONDS = 20


# Only the suite's own Python has Apprise; addresses and text are passed by pipes, so that no process list shows them.
NOTIFY = """
import apprise, json, os, re, sys
for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
    del os.environ[name]
urls, subject, text = json.load(sys.stdin)
services = apprise.Apprise(asset=apprise.AppriseAsset(async_mode=False, http_redirects=False))
known = [services.add(url) for url in re.split(r"[\\s,]+(?=[A-Za-z0-9]{2,20}://)", urls)]
for service in services:
    service.redirects = False
sys.exit(0 if all(known) and services.notify(title=subject, body=text) else 1)
"""
NOTIFY_SECONDS = 60
# RFC 5322, 2.1.1
MAX_LINE_LETTERS = 998


def send_message(values: Values, subject: str, text: str, project: Path) -> str:
    """Send a message by mail, webhook and Apprise; return "" if one of them accepted it, else why not."""
    from smtplib import SMTPException

    reasons = []
    if values.get("SMTP_HOST") and values.get("ALERT_RECIPIENTS"):
        try:
            _send_mail(values, subject, text)
        except (OSError, ValueError, SMTPException) as error:
            reasons.append(f"mail server {values['SMTP_HOST']}: {' '.join(str(error).split()) or type(error).__name__}")
        else:
            reasons = [""]
    if values.get("ALERT_WEBHOOK_URL"):
        try:
            _post_webhook(values["ALERT_WEBHOOK_URL"], subject, text)
            reasons.append("")
        except (OSError, ValueError) as error:
            reasons.append(f"webhook: {type(error).__name__}")
    if values.get("ALERT_URLS"):
        reasons.append(_notify(values["ALERT_URLS"], subject, text, project))
    if "" in reasons:
        return ""
    return "; ".join(reasons) or "SMTP_HOST and ALERT_RECIPIENTS are not set"


def _notify(urls: str, subject: str, text: str, project: Path) -> str:
    import subprocess

    command = [str(project / ".venv" / "bin" / "python"), "-I", "-c", NOTIFY]
    try:
        done = subprocess.run(
            command, input=json.dumps([urls, subject, text]), check=False, capture_output=True, text=True,
            timeout=NOTIFY_SECONDS,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        return f"ALERT_URLS: {type(error).__name__}"
    return "" if done.returncode == 0 else "ALERT_URLS: Apprise could not send it"


def _send_mail(values: Values, subject: str, text: str) -> None:
    # late: every run of a job imports this file, and hardly any sends
    import smtplib
    import ssl
    from email.message import EmailMessage
    from email.policy import SMTP
    from email.utils import formatdate, make_msgid

    host, security = values["SMTP_HOST"], values.get("SMTP_SECURITY", "starttls")
    address = (host, int(values.get("SMTP_PORT", "587")))
    # the subject in one line: folded, it would begin with a blank
    message = EmailMessage(policy=SMTP.clone(max_line_length=MAX_LINE_LETTERS))
    message["Subject"] = subject
    message["From"] = values.get("MAIL_FROM") or f"client-etl-workflow@{host}"
    recipients = [part.strip() for part in values["ALERT_RECIPIENTS"].split(",") if part.strip()]
    message["To"] = ", ".join(recipients)
    message["Date"] = formatdate(localtime=True)
    message["Message-ID"] = make_msgid(domain="client-etl-workflow.local")
    # so that it gets no out-of-office replies (RFC 3834)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    if security == "none" and host not in LOOPBACK:
        raise ValueError("SMTP_SECURITY=none is only for a server on this machine")
    context = ssl.create_default_context(cafile=values.get("SMTP_CA_FILE") or None)
    session: smtplib.SMTP
    if security == "ssl":
        session = smtplib.SMTP_SSL(*address, timeout=ANSWER_SECONDS, context=context)
    else:
        session = smtplib.SMTP(*address, timeout=ANSWER_SECONDS)
    try:
        if security not in ("none", "ssl"):
            session.starttls(context=context)
        if values.get("SMTP_USER"):
            session.login(values["SMTP_USER"], values.get("SMTP_PASSWORD", ""))
        refused = session.send_message(message)
        if refused:
            syslog.syslog(syslog.LOG_WARNING, f"the mail server refused {', '.join(refused)}; the others have the mail")
    finally:
        # the mail is already accepted: errors from here on change nothing
        with contextlib.suppress(OSError, smtplib.SMTPException):
            session.quit()
        session.close()


def _post_webhook(url: str, subject: str, text: str) -> None:
    import urllib.parse
    import urllib.request

    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "https" and (parts.scheme != "http" or parts.hostname not in LOOPBACK):
        raise ValueError("expected an address such as https://host/path")
    body = json.dumps({"text": f"*{subject}*\n{text}"}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method="POST")
    # no proxies of the environment, and no redirects: the text is for this address only
    opener = urllib.request.OpenerDirector()
    for handler in (urllib.request.HTTPHandler, urllib.request.HTTPSHandler):
        opener.add_handler(handler())
    with opener.open(request, timeout=ANSWER_SECONDS) as response:
        if not 200 <= response.status < 300:
            raise ValueError(f"HTTP {response.status}")
