"""An installation on a Monday with a site, a mail server, and nothing scheduled but the weekly pipeline."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from systemscripts.configuration import pipeline_config
from tests.demo.conftest import Week, read_mail_text, week
from tests.mail_origin import strip_origin

__all__ = ["week"]

MONDAY = datetime(2026, 3, 2, 6, 30, tzinfo=UTC)
OPERATOR = "operator@example.test"
# what pausing all pipelines but the weekly one leaves, kept of the first time: six processes for each test are many
PAUSES: list[str] = []


class Year:
    """Time goes by in an installation; what the operator hears of it."""

    def __init__(self, alerts: Week) -> None:
        self.week, self.installation = alerts, alerts.installation
        self.seen = 0
        self.installation.environment["TZ"] = "UTC"
        self.installation.write_settings(
            ALERT_RECIPIENTS=OPERATOR,
            DISK_FREE_PERCENT="0",
            DISK_FULL_DAYS="0",
            TIME_ZONE="UTC",
            SMTP_TIMEOUT_SECONDS="5",
        )
        pauses = self.installation.data / "var" / "pauses.json"
        if not PAUSES:
            for pipeline in pipeline_config.load_pipelines():
                if pipeline.schedule and pipeline.name != "weekly":
                    # with an end: one without is reminded of
                    command = ("schedule", "pause", pipeline.name, "--until", "2030-01-01")
                    assert self.installation.run(*command).returncode == 0
            PAUSES.append(pauses.read_text())
        pauses.parent.mkdir(exist_ok=True)
        pauses.write_text(PAUSES[0])

    def without_schedules(self) -> None:
        """Nothing is expected any more."""
        assert self.run("schedule", "pause", "weekly", "--until", "2030-01-01", day=-1) == 0

    def run(self, script: str, *arguments: object, day: float = 0) -> int:
        """Run a script as cron does, so many days after Monday 06:30."""
        moment = (MONDAY + timedelta(days=day)).isoformat()
        return self.installation.run(script, *arguments, ETL_NOW=moment, ETL_STARTED_BY="cron").returncode

    def watch(self, day: float) -> list[str]:
        """Let the watchdog look; the subjects of the alerts that came of it."""
        assert self.run("watchdog", day=day) == 0
        return self.news()

    def news(self) -> list[str]:
        """The subjects of the alerts since the last look."""
        alerts = [path for path in self.week.mails.list_mails() if OPERATOR in path.read_text()]
        new, self.seen = alerts[self.seen :], len(alerts)
        return [subject(path.read_text()) for path in new]

    def last(self) -> str:
        """The text of the last alert."""
        return read_mail_text([path for path in self.week.mails.list_mails() if OPERATOR in path.read_text()][-1])


def subject(text: str) -> str:
    """The subject of a mail."""
    import email
    import email.policy

    return strip_origin(str(email.message_from_string(text, policy=email.policy.default)["subject"]).strip())


@pytest.fixture
def year(week: Callable[[], Week]) -> Year:
    return Year(week())
