"""Decide which hosts and addresses may be connected to: uploads may use only those that the operator listed.

Both the name and the address that it resolves to are checked, at the moment of connecting.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass

from systemscripts.errors import ConfigurationError, TryLaterError

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
# Clouds hand out credentials at these addresses. The first is the link-local range (RFC 3927), which nothing needs.
_FORBIDDEN = [
    ipaddress.ip_network(text)
    for text in ("169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128", "100.100.100.200/32", "0.0.0.0/8", "::/128")
]
# RFC 6052: the last four bytes are an IPv4 address
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True)
class AddressRules:
    """The rules for one configuration.

    `listed` has names, addresses and networks that may be used, also with a port (name:port); None means the
    configuration of the operator, which may use all but the forbidden ones. A listed name may resolve to public
    addresses only; a private address must be listed itself, as address or network.
    """

    listed: tuple[str, ...] | None = None

    def check_name(self, host: str, port: int | None) -> None:
        """Raise ConfigurationError if a host is not listed."""
        if self.listed is None:
            return
        name = host.strip("[]").rstrip(".").lower()
        if {name, f"{name}:{port}"} & self._list_names() or self._is_listed(_parse_address(name), port):
            return
        raise ConfigurationError(
            f"the host {host} is not among those that uploads may use",
            "Ask the operator to add it to UPLOAD_ALLOWED_HOSTS.",
        )

    def check_address(self, host: str, address: str, port: int) -> None:
        """Raise ConfigurationError if the address that a host resolves to may not be used."""
        parsed = _parse_address(address)
        if parsed is None:
            raise ConfigurationError(f"{host} leads to {address}, which is not an IP address")
        if any(parsed in network for network in _FORBIDDEN if network.version == parsed.version) or parsed.is_multicast:
            raise ConfigurationError(f"{host} leads to {parsed}, an address that no source may use")
        if self.listed is not None and not parsed.is_global and not self._is_listed(parsed, port):
            raise ConfigurationError(
                f"{host} leads to {parsed}, an address of a private network",
                "Ask the operator to add the address itself to UPLOAD_ALLOWED_HOSTS.",
            )

    def resolve(self, host: str, port: int) -> list[str]:
        """Return the addresses of a host, each checked; raises ConfigurationError, TryLaterError if there are none."""
        self.check_name(host, port)
        try:
            entries = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise TryLaterError(f"the host {host} was not found", "Check its name, or try again later.") from error
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in entries))
        for address in addresses:
            self.check_address(host, address, port)
        return addresses

    def _list_names(self) -> set[str]:
        return {entry.lower() for entry in self.listed or ()}

    def _is_listed(self, address: IpAddress | None, port: int | None) -> bool:
        if address is None:
            return False
        entries = [entry for text in self.listed or () if (entry := _parse_entry(text))]
        return any(
            network.version == address.version and address in network and only in ("", str(port))
            for network, only in entries
        )


def _parse_address(text: str) -> IpAddress | None:
    """Return an address, IPv4 inside IPv6 as IPv4 (RFC 4291, 2.5.5; 6to4; NAT64); None for other text."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return ipaddress.IPv4Address(address.packed[-4:])
        return address.ipv4_mapped or address.sixtofour or address
    return address


def _parse_entry(entry: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, str] | None:
    """Return a listed network and its port ("": any), None for a name."""
    text, colon, port = entry.rpartition(":")
    for candidate, only in ((entry, ""), (text if colon and port.isdecimal() else "", port)):
        try:
            return ipaddress.ip_network(candidate.strip("[]"), strict=False), only
        except ValueError:
            continue
    return None
