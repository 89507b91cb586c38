"""The base of the parts of a configuration."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """A part of a configuration: unknown keys are errors."""

    # a part is checked by the model that contains it, and needs a check of its own only where it is made alone
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)
