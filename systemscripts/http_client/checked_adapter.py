"""Connections that look at the address they lead to before the first byte: a name may lead anywhere, and change."""

from __future__ import annotations

import socket
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from systemscripts.address_rules import AddressRules


class _Checked:
    """Mixed into urllib3's connections; `rules` is set by the pool class."""

    rules: AddressRules
    host: str
    port: int

    def _new_conn(self) -> socket.socket:
        self.rules.resolve(self.host, self.port)
        connected: socket.socket = super()._new_conn()  # type: ignore[misc]
        try:  # it was looked up once more for this: what counts is where we are
            self.rules.check_address(self.host, connected.getpeername()[0], self.port)
        except BaseException:
            connected.close()
            raise
        return connected


class CheckedAdapter(HTTPAdapter):
    """For requests: every connection is checked by the rules. No retries here, the client has its own."""

    def __init__(self, rules: AddressRules) -> None:
        self._rules = rules
        super().__init__(max_retries=0)

    def init_poolmanager(self, *arguments: Any, **keywords: Any) -> None:
        """Make the pools with connections of ours."""
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
    """A session whose every connection follows the rules; TLS is verified, nothing is taken from the environment."""
    made = requests.Session()
    made.trust_env = False  # neither proxies nor ~/.netrc: what is sent where stands in the configuration
    if ca_file:
        made.verify = ca_file
    for scheme in ("http://", "https://"):
        made.mount(scheme, CheckedAdapter(rules))
    return made
