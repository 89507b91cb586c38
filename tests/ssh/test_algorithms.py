"""Only ciphers and checksums that protect today are offered; a server with none of them is named in one line."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from systemscripts.errors import ConfigurationError
from systemscripts.ssh import connection
from tests.conftest import Installation
from tests.ssh import servers


@pytest.mark.parametrize(
    ("offered", "is_accepted"),
    [
        ("Ciphers aes256-cbc,aes128-cbc", False),
        ("Ciphers aes256-ctr\nMACs hmac-sha1,hmac-sha1-96,hmac-md5", False),
        ("Ciphers aes256-ctr\nMACs hmac-sha1,hmac-sha2-512", True),
        ("Ciphers aes256-cbc,aes128-gcm@openssh.com", True),
    ],
)
def test_a_server_with_only_old_ciphers_or_checksums_is_refused_in_one_line(
    here: Installation, tmp_path: Path, offered: str, is_accepted: bool
) -> None:
    servers.needs_sshd()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "host_key"], check=True)
    with servers.running_sshd(
        tmp_path, f"HostKey {tmp_path / 'host_key'}\nPidFile none\nUsePAM no\n{offered}\n"
    ) as port:
        if is_accepted:
            assert connection.fetch_host_key("127.0.0.1", port).get_name() == "ssh-ed25519"
            return
        with pytest.raises(ConfigurationError, match=r"no longer safe.* Ask its owner to offer aes256-ctr") as caught:
            connection.fetch_host_key("127.0.0.1", port)
    assert "\n" not in str(caught.value)
