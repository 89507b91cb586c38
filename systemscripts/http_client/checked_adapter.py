"""HTTP connections whose address is checked before the first byte is sent, because a name can resolve to anything."""

from __future__ import annotations

import socket
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from systemscripts.address_rules import AddressRules


class _Checked:
    """Mixin for the connections of urllib3; the pool class sets `rules`."""

    rules: AddressRules
    host: str
    port: int

    def _new_conn(self) -> socket.socket:
        self.rules.resolve(self.host, self.port)
        connected: socket.socket = super()._new_conn()  # type: ignore[misc]
        # connecting resolved the name again, so the address of the connection is checked
        try:
            self.rules.check_address(self.host, connected.getpeername()[0], self.port)
        except BaseException:
            connected.close()
            raise
        return connected


class CheckedAdapter(HTTPAdapter):
    """Adapter for requests that checks every connection; it does not retry, because the client does."""

    def __init__(self, rules: AddressRules) -> None:
        self._rules = rules
        super().__init__(max_retries=0)

    def init_poolmanager(self, *arguments: Any, **keywords: Any) -> None:
        """Create the pools with checked connections."""
        super().init_poolmanager(*arguments, **keywords)
        rules = self._rules

        class Plain(_Checked, HTTPConnection):
            pass

        class Secure(_Checked, HTTPSConnection):
            pass

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        Plain.rules = Secure.rules = rules
        self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}


def build_session(rules: AddressRules, ca_file: str = "") -> requests.Session:
    """Return a session that checks every connection, verifies TLS and ignores the environment."""
    session = requests.Session()
    # no proxies and no ~/.netrc: only the configuration says what is sent where
    session.trust_env = False
    if ca_file:
        session.verify = ca_file
    for scheme in ("http://", "https://"):
        session.mount(scheme, CheckedAdapter(rules))
    return session
