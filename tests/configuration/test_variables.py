"""Variables in configurations are the SOURCE_ settings and nothing else."""

from __future__ import annotations

import pytest

from systemscripts import settings
from systemscripts.configuration import variables
from systemscripts.errors import ConfigurationError
from tests.conftest import Installation


def test_variables_are_replaced_wherever_they_stand(here: Installation) -> None:
    here.write_settings(SOURCE_HOST="files.example.test", SOURCE_PASSWORD="p$w")
    settings.reset()
    written = {"host": "${SOURCE_HOST}", "login": ["me", "x${SOURCE_PASSWORD}y"], "port": 22}
    assert variables.resolve_variables(written, "here") == {
        "host": "files.example.test",
        "login": ["me", "xp$wy"],
        "port": 22,
    }
    assert variables.find_names(written) == ["SOURCE_HOST", "SOURCE_PASSWORD"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("${SOURCE_HOTS}", "config/x.yaml: ${SOURCE_HOTS} is not set, did you mean SOURCE_HOST?"),
        ("${SMTP_PASSWORD}", "is not allowed in a configuration"),
        ("${DATABASE_URL}", "is not allowed in a configuration"),
    ],
)
def test_what_cannot_be_resolved_is_said(here: Installation, text: str, said: str) -> None:
    here.write_settings(SOURCE_HOST="files.example.test", SMTP_PASSWORD="secret")
    settings.reset()
    with pytest.raises(ConfigurationError) as caught:
        variables.resolve_variables(text, "config/x.yaml")
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)
