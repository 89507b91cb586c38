"""SSH and SFTP: trusted hosts, logins, sessions that reconnect, and whole files only.

`login.Login` has the server and the user; `remote`, `download` and `upload` work through a `session.Session`. Only the
modules that connect to a server import paramiko.
"""

from __future__ import annotations

import sys

from systemscripts.ssh.login import Login

__all__ = ["Login"]

# paramiko can do without it: it is for a file of OpenSSH that is not read here, and takes a third of the time to import
sys.modules.setdefault("invoke", None)  # type: ignore[arg-type]
