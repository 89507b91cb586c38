"""How the certificate of a store is verified."""

from __future__ import annotations

import ssl

from systemscripts.errors import ConfigurationError


def build_context(ca_file: str) -> ssl.SSLContext:
    """Return what verifies the certificate of a server; raises ConfigurationError if `ca_file` cannot be read."""
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"{ca_file} cannot be read as certificates (PEM)", "Correct ca_file.") from error
