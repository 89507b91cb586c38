"""Trust the host key of an SSH server."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from systemscripts.job import Summary, job


@job(lock="", database=False, alert=False)
def sftp_trust_host(
    host: Annotated[str, typer.Argument(help="HOST, HOST:PORT or [HOST]:PORT.")],
    fingerprint: Annotated[str, typer.Option(help="Trust the key only if this is its fingerprint.")] = "",
    replace: Annotated[bool, typer.Option("--replace", help="Replace the key trusted so far.")] = False,
) -> Summary:
    """Show the host key of an SSH server and trust it from now on after you confirm it.

    Compare the fingerprint with the one that the owner of the server gives you through another channel (on the server:
    ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub). Without a terminal --fingerprint is required.

    Examples:
        sftp_trust_host.py files.example.com
        sftp_trust_host.py files.example.com:2222 --fingerprint SHA256:uNiVztksCsDhcc0u9e8BrQXN7fGcFCZ4rLkkqSjdRYs
    """
    from systemscripts.errors import ConfigurationError, UsageError
    from systemscripts.ssh import connection, known_hosts
    from systemscripts.ssh.login import format_host, split_host

    try:
        address = split_host(host)
    except ValueError as error:
        raise UsageError(f"{host}: {error}") from error
    key, name = connection.fetch_host_key(*address), format_host(*address)
    shown = known_hosts.format_fingerprint(key)
    if fingerprint and fingerprint != shown:
        raise ConfigurationError(
            f"{name} shows {shown}, not {fingerprint}; nothing is trusted",
            "Ask the owner of the server which one is right.",
        )
    if not fingerprint and not _is_confirmed(f"{name} shows {key.get_name()} {shown}"):
        raise UsageError(f"{name} shows {key.get_name()} {shown}; nothing is trusted", f"Add: --fingerprint {shown}")
    added = known_hosts.add_key(name, key, replace)
    return Summary(headline=f"{name} is trusted {'from now on' if added else 'already'}: {shown}")


def _is_confirmed(text: str) -> bool:
    return sys.stdin.isatty() and typer.confirm(f"{text}. Did its owner give you this fingerprint?")


if __name__ == "__main__":
    sftp_trust_host.main()
