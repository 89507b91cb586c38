"""SSH and SFTP: whom to trust, how to log in, a session that comes back after a cut, whole files only.

`login.Login` says where and as whom; `session.Session` does the work of `remote`, `download` and `upload`. paramiko is
imported only by the modules that talk to a server.
"""

from __future__ import annotations

from systemscripts.ssh.login import Login

__all__ = ["Login"]
