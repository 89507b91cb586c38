"""What doctor.py begins with: the settings, also where they are faulty; and the mail it sends when asked to."""

from __future__ import annotations

import os
from pathlib import Path

from systemscripts import mail, masking, settings
from systemscripts.directory_management import Directories
from systemscripts.errors import ConfigurationError, EtlError
from systemscripts.monitoring.checks import mail_server
from systemscripts.monitoring.doctor_lines import FAILURE, OK, Context, Line
from systemscripts.schedules import own_cron_file


def gather(named: Path | None) -> Context:
    """The settings and folders of this installation; raises nothing."""
    cron_file = named or own_cron_file.path()
    try:
        wanted = settings.current()
    except ConfigurationError as error:
        data = Path(os.environ.get("ETL_DATA_DIR") or settings.PROJECT)
        faults = error.message.removeprefix("settings: ").split("; ")
        return Context(None, Directories(data), cron_file, faults, error.hint)
    masking.register(wanted.secrets())
    return Context(wanted, Directories(wanted.etl_data_dir), cron_file)


def test_mail(context: Context) -> list[Line]:
    """Send a mail to ALERT_RECIPIENTS; the conversation with the server, line by line, and how it ended."""
    wanted = context.settings
    if wanted is None or not wanted.alert_recipients:
        return [Line(FAILURE, "test mail", "nobody to send it to", "Set ALERT_RECIPIENTS.")]
    spoken: list[str] = []
    try:
        message = mail.compose(
            "[ETL] test mail", wanted.alert_recipients, "This is the test mail of doctor.py. Alerts will reach you.\n"
        )
        refused = mail.send(message, wanted.alert_recipients, spoken)
        end = Line(OK, "test mail", f"accepted for {', '.join(wanted.alert_recipients)}")
        if refused:
            text = f"the mail server refused {', '.join(map(str, refused))}"
            end = Line(FAILURE, "test mail", text, "Correct ALERT_RECIPIENTS, or ask the owner of the mail server.")
    except EtlError as error:
        end = mail_server.line("test mail", error)
    return [*(Line("", "test mail", text) for text in spoken), end]
