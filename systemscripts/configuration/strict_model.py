"""The base of the parts of a configuration."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """A part of a configuration: unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")
