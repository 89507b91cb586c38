"""Pipelines: config/pipelines/NAME.yaml as a typed model."""

from __future__ import annotations

from collections import Counter
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from systemscripts import settings
from systemscripts.commands import format_command
from systemscripts.configuration import yaml_folders
from systemscripts.configuration.yaml_documents import ConsistentModel, read_document, validate_document
from systemscripts.errors import UsageError, did_you_mean
from systemscripts.settings import Mailboxes


class Step(BaseModel):
    """One job of a pipeline."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    job: str
    arguments: list[str] = []
    on_failure: Literal["stop", "continue"] = "stop"
    retries: int = Field(0, ge=0, le=10)
    # the pause before each retry
    retry_minutes: float = Field(1, ge=0, le=24 * 60)
    # steps that must have succeeded; by default the earlier ones with on_failure: stop
    depends: list[str] | None = None
    time_limit_hours: float = Field(24, gt=0)

    @property
    def name(self) -> str:
        """Return the job with its arguments."""
        return " ".join([self.job, *self.arguments])

    def is_named(self, name: str) -> bool:
        """Return whether a name means this step: the job, alone or with its arguments."""
        return name in (self.job, self.name)


class Pipeline(ConsistentModel):
    """Jobs that run one after the other."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    description: str = ""
    # minute hour day month weekday, in the time zone of the host; empty: started by hand only
    schedule: str = ""
    # a run that was missed because the host was off is started when it is on again, once
    catch_up: bool = False
    time_limit_hours: float = Field(24 * 7, gt=0)
    # who is notified of a failure, besides ALERT_RECIPIENTS
    notify: Mailboxes = []
    # settings that it needs; it is not scheduled on a host where one is not set
    needs: list[str] = []
    steps: list[Step] = Field(min_length=1)

    @property
    def unset_settings(self) -> list[str]:
        """Return the settings in `needs` that are not set on this host; raises ConfigurationError."""
        return [name for name in self.needs if not settings.is_set(name)]

    @classmethod
    def find_contradictions(cls, values: dict[str, Any]) -> list[tuple[str, str]]:
        """Find steps of one name, unknown jobs and settings, and a `depends` that does not name an earlier step."""
        steps = [step for step in _as_list(values.get("steps")) if isinstance(step, dict)]
        known = [(str(step.get("job")), _join_name(step)) for step in steps]
        twice = [name for name, count in Counter(name for _, name in known).items() if count > 1]
        faults = [("steps", f"name {name!r} twice") for name in twice]
        faults += [("steps", text) for job, _ in known if (text := _find_job_fault(job))]
        faults += [
            ("needs", text) for name in _as_list(values.get("needs")) if (text := _find_setting_fault(str(name)))
        ]
        for number, step in enumerate(steps):
            before = {name for names in known[:number] for name in names}
            for required in map(str, _as_list(step.get("depends"))):
                if required not in before:
                    guess = did_you_mean(required, before)
                    faults.append(("steps", f"{known[number][1]}: depends on {required!r}, not an earlier step{guess}"))
        return faults


def _find_job_fault(job: str) -> str:
    """Return what is wrong with the name of a job, "" if there is such a script."""
    jobs = [path.stem for path in (settings.PROJECT / "jobscripts").glob("[a-z]*.py")]
    return "" if job in jobs else f"name the job {job!r}, which does not exist{did_you_mean(job, jobs)}"


def _find_setting_fault(name: str) -> str:
    """Return what is wrong with the name of a setting, "" if it exists or may be chosen freely (SOURCE_...)."""
    if name.startswith(settings.USER_PREFIX) or name in settings.list_names():
        return ""
    return f"name the setting {name!r}, which does not exist{did_you_mean(name, settings.list_names())}"


def _as_list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _join_name(step: dict[str, Any]) -> str:
    return " ".join(map(str, [step.get("job"), *_as_list(step.get("arguments"))]))


def list_names() -> list[str]:
    """Return the names of the pipelines, sorted."""
    return [path.stem for path in yaml_folders.list_files("pipelines")]


def load_pipeline(name: str) -> Pipeline:
    """Load one pipeline; raises UsageError with the nearest name, ConfigurationError with every fault."""
    if name not in list_names():
        raise UsageError(
            f"there is no pipeline {name!r}{did_you_mean(name, list_names())}",
            f"See: {format_command('run_pipeline', '--list')}",
        )
    return validate_document(read_document(yaml_folders.find_file("pipelines", name)), Pipeline, name=name)


def load_pipelines() -> list[Pipeline]:
    """Load every pipeline; raises ConfigurationError at the first invalid one."""
    return [load_pipeline(name) for name in list_names()]
