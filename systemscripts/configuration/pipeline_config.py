"""What a pipeline is: config/pipelines/NAME.yaml as a typed model."""

from __future__ import annotations

from collections import Counter
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from systemscripts import settings
from systemscripts.configuration.yaml_documents import ConsistentModel, read_document, validate_document
from systemscripts.errors import UsageError, did_you_mean
from systemscripts.settings import Mailboxes

FOLDER = settings.PROJECT / "config" / "pipelines"


class Step(BaseModel):
    """One job of a pipeline."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    job: str
    arguments: list[str] = []
    on_failure: Literal["stop", "continue"] = "stop"
    retries: int = Field(0, ge=0, le=10)
    retry_minutes: float = Field(1, ge=0, le=24 * 60)  # the pause before each retry
    depends: list[str] | None = None  # steps that must have succeeded; not given: those before that say `stop`
    time_limit_hours: float = Field(24, gt=0)

    @property
    def name(self) -> str:
        """The job with its arguments."""
        return " ".join([self.job, *self.arguments])

    def is_named(self, name: str) -> bool:
        """Whether a name means this step: the job alone, or with its arguments."""
        return name in (self.job, self.name)


class Pipeline(ConsistentModel):
    """Jobs in their order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    description: str = ""
    schedule: str = ""  # minute hour day month weekday, in the host's time zone; empty: nobody starts it but people
    time_limit_hours: float = Field(24 * 7, gt=0)
    notify: Mailboxes = []  # who hears of a failure, beside ALERT_RECIPIENTS
    needs: list[str] = []  # settings without which it is not set up on a host, and not scheduled there
    steps: list[Step] = Field(min_length=1)

    @property
    def unset_settings(self) -> list[str]:
        """Which of the settings that it needs are not set on this host; raises ConfigurationError."""
        return [name for name in self.needs if not settings.is_set(name)]

    @classmethod
    def find_contradictions(cls, values: dict[str, Any]) -> list[tuple[str, str]]:
        """Two steps of one name; a job or a setting that does not exist; a `depends` that names no step before."""
        steps = [step for step in _listed(values.get("steps")) if isinstance(step, dict)]
        known = [(str(step.get("job")), _name(step)) for step in steps]
        twice = [name for name, count in Counter(name for _, name in known).items() if count > 1]
        found = [("steps", f"name {name!r} twice") for name in twice]
        found += [("steps", text) for job, _ in known if (text := _unknown_job(job))]
        found += [("needs", text) for name in _listed(values.get("needs")) if (text := _unknown_setting(str(name)))]
        for number, step in enumerate(steps):
            before = {name for names in known[:number] for name in names}
            for wanted in map(str, _listed(step.get("depends"))):
                if wanted not in before:
                    guess = did_you_mean(wanted, before)
                    found.append(("steps", f"{known[number][1]}: depends on {wanted!r}, no step before it{guess}"))
        return found


def _unknown_job(job: str) -> str:
    """What is wrong with the name of a job; "" when there is such a script."""
    jobs = [path.stem for path in (settings.PROJECT / "jobscripts").glob("[a-z]*.py")]
    return "" if job in jobs else f"name the job {job!r}, which does not exist{did_you_mean(job, jobs)}"


def _unknown_setting(name: str) -> str:
    """What is wrong with the name of a setting; "" when there is such a one, or anybody may set it (SOURCE_...)."""
    if name.startswith(settings.USER_PREFIX) or name in settings.list_names():
        return ""
    return f"name the setting {name!r}, which does not exist{did_you_mean(name, settings.list_names())}"


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _name(step: dict[str, Any]) -> str:
    return " ".join(map(str, [step.get("job"), *_listed(step.get("arguments"))]))


def list_names() -> list[str]:
    """The pipelines there are."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load_pipeline(name: str) -> Pipeline:
    """Read one pipeline; raises UsageError with the nearest name, ConfigurationError that names every fault."""
    if name not in list_names():
        raise UsageError(
            f"there is no pipeline {name!r}{did_you_mean(name, list_names())}", "See: run_pipeline.py --list"
        )
    return validate_document(read_document(FOLDER / f"{name}.yaml"), Pipeline, name=name)


def load_pipelines() -> list[Pipeline]:
    """Every pipeline; raises ConfigurationError at the first faulty one."""
    return [load_pipeline(name) for name in list_names()]
