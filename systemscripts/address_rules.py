"""Which hosts and addresses may be connected to: of the operator any but a cloud's own, of uploads listed ones.

The name is checked, and so is the address it leads to, at the moment of connecting: a name may lead anywhere.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass

from systemscripts.errors import ConfigurationError, TryLaterError

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
# What clouds answer with credentials; the first lies in the link-local range (RFC 3927), which nothing needs.
_NEVER = [
    ipaddress.ip_network(text)
    for text in ("169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128", "100.100.100.200/32", "0.0.0.0/8", "::/128")
]
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: the last four bytes are an IPv4 address


@dataclass(frozen=True)
class AddressRules:
    """`listed`: names, addresses and networks that may be reached, or only a port of theirs (name:port);
    None: the operator's own configuration.

    A listed name may lead to public addresses only; a private one must be listed itself, as address or network.
    """

    listed: tuple[str, ...] | None = None

    def check_name(self, host: str, port: int | None) -> None:
        """Raises ConfigurationError when a host is not among those listed."""
        if self.listed is None:
            return
        name = host.strip("[]").rstrip(".").lower()
        if name in self._names() or f"{name}:{port}" in self._names() or self._is_listed(_address_or_none(name), port):
            return
        raise ConfigurationError(
            f"the host {host} is not among those that uploads may name", "Ask the operator: UPLOAD_ALLOWED_HOSTS."
        )

    def check_address(self, host: str, address: str, port: int) -> None:
        """Raises ConfigurationError when the address that a host leads to may not be connected to."""
        found = _address_or_none(address)
        if found is None:
            raise ConfigurationError(f"{host} leads to {address}, which is not an IP address")
        if any(found in network for network in _NEVER if network.version == found.version) or found.is_multicast:
            raise ConfigurationError(f"{host} leads to {found}, an address that no source may have")
        if self.listed is not None and not found.is_global and not self._is_listed(found, port):
            raise ConfigurationError(
                f"{host} leads to {found}, an address of a private network",
                "Ask the operator: UPLOAD_ALLOWED_HOSTS must name the address itself.",
            )

    def resolve(self, host: str, port: int) -> list[str]:
        """The addresses of a host, each of them allowed; raises ConfigurationError, TryLaterError when unknown."""
        self.check_name(host, port)
        try:
            found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise TryLaterError(f"the host {host} is not found", "Check its name, or try again later.") from error
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        for address in addresses:
            self.check_address(host, address, port)
        return addresses

    def _names(self) -> set[str]:
        return {entry.lower() for entry in self.listed or ()}

    def _is_listed(self, found: IpAddress | None, port: int | None) -> bool:
        if found is None:
            return False
        entries = [made for entry in self.listed or () if (made := _network_and_port(entry))]
        return any(
            network.version == found.version and found in network and only in ("", str(port))
            for network, only in entries
        )


def _address_or_none(text: str) -> IpAddress | None:
    """An address as what it really is: IPv4 inside IPv6 is IPv4 (RFC 4291, 2.5.5; 6to4; NAT64)."""
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address):
        if found in _NAT64:
            return ipaddress.IPv4Address(found.packed[-4:])
        return found.ipv4_mapped or found.sixtofour or found
    return found


def _network_and_port(entry: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, str] | None:
    """A listed network, and the one port of it that is listed (empty: each); None for what is a name."""
    text, colon, port = entry.rpartition(":")
    for candidate, only in ((entry, ""), (text if colon and port.isdecimal() else "", port)):
        try:
            return ipaddress.ip_network(candidate.strip("[]"), strict=False), only
        except ValueError:
            continue
    return None
