"""The settings that doctor.py checks, even if they are faulty, and the test mail that it can send."""

from __future__ import annotations

import os
from pathlib import Path

from systemscripts import mail, masking, settings
from systemscripts.directory_management import Directories
from systemscripts.errors import ConfigurationError, EtlError
from systemscripts.monitoring.checks import mail_server
from systemscripts.monitoring.doctor_lines import FAILURE, OK, Context, Line
from systemscripts.schedules import own_cron_file


def gather_context(cron_file: Path | None) -> Context:
    """Return the settings and folders of this installation; never raises."""
    cron_file = cron_file or own_cron_file.find_path()
    try:
        current_settings = settings.current()
    except ConfigurationError as error:
        data = Path(os.environ.get("ETL_DATA_DIR") or settings.PROJECT)
        faults = error.message.removeprefix("settings: ").split("; ")
        return Context(None, Directories(data), cron_file, faults, error.hint)
    masking.register_secrets(current_settings.list_secrets())
    return Context(current_settings, Directories(current_settings.etl_data_dir), cron_file)


def send_test_mail(context: Context) -> list[Line]:
    """Send a mail to ALERT_RECIPIENTS; return the conversation with the server, line by line, and the result."""
    current_settings = context.settings
    if current_settings is None or not current_settings.alert_recipients:
        return [Line(FAILURE, "test mail", "there are no recipients", "Set ALERT_RECIPIENTS.")]
    transcript: list[str] = []
    try:
        message = mail.compose(
            "[ETL] test mail",
            current_settings.alert_recipients,
            "This is the test mail of doctor.py. Alerts reach this address.\n",
        )
        refused = mail.send(message, current_settings.alert_recipients, transcript)
        end = Line(OK, "test mail", f"accepted for {', '.join(current_settings.alert_recipients)}")
        if refused:
            text = f"the mail server refused {', '.join(map(str, refused))}"
            end = Line(FAILURE, "test mail", text, "Correct ALERT_RECIPIENTS, or ask the owner of the mail server.")
    except EtlError as error:
        end = mail_server.build_line("test mail", error)
    return [*(Line("", "test mail", text) for text in transcript), end]
