"""Connections to addresses that staff entered: only where a gateway may be.

The host is resolved once, every address of it is checked, and the connection goes to a checked
one, so that a name cannot mean something else a moment later. Metadata services of clouds and
link-local addresses are never a gateway; private ones may be, if the installation says so.
"""

import http.client
import socket
import ssl
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult

from django.conf import settings

Address = IPv4Address | IPv6Address
METADATA = frozenset(
    ip_address(text) for text in ("100.100.100.200", "192.0.0.192", "fd00:ec2::254")
)
_NAT64 = ip_network("64:ff9b::/96")
_PORTS = {"http": 80, "https": 443}


class Forbidden(OSError):
    """The address is not one that the portal connects to; the text says why."""


def opened(address: SplitResult, timeout: float) -> http.client.HTTPConnection:
    """A connection to an http or https address; `timeout` in seconds, for each wait.

    Raises Forbidden, or another OSError when it cannot be reached.
    """
    host, port = address.hostname or "", _port(address)
    unreached: OSError | None = None
    for place in resolved(host, port):
        connection = _connection(address.scheme, host, port, timeout)
        try:
            connection.sock = socket.create_connection((place, port), timeout)
            if address.scheme == "https":
                context = ssl.create_default_context()
                connection.sock = context.wrap_socket(connection.sock, server_hostname=host)
        except OSError as error:
            connection.close()
            unreached = error
        else:
            return connection
    raise unreached or OSError(f"{host} has no address")


def resolved(host: str, port: int) -> list[str]:
    """The host's addresses. Forbidden when one of them is none that the portal connects to."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise Forbidden(f"{host} is no host name") from error
    places = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for place in places:
        for meant in _meanings(ip_address(place.partition("%")[0])):
            _check(meant)
    return places


def _port(address: SplitResult) -> int:
    if address.scheme not in _PORTS:
        raise Forbidden("the address is neither http nor https")
    try:
        return address.port or _PORTS[address.scheme]
    except ValueError as error:
        raise Forbidden(f"the address has a wrong port: {error}") from error


def _connection(scheme: str, host: str, port: int, timeout: float) -> http.client.HTTPConnection:
    if scheme == "https":
        return http.client.HTTPSConnection(host, port, timeout=timeout)
    return http.client.HTTPConnection(host, port, timeout=timeout)


def _meanings(place: Address) -> Iterator[Address]:
    """The address, and those that it stands for."""
    yield place
    if isinstance(place, IPv6Address):
        if place.ipv4_mapped is not None:
            yield place.ipv4_mapped
        if place.sixtofour is not None:
            yield place.sixtofour
        if isinstance(_NAT64, IPv6Network) and place in _NAT64:
            yield IPv4Address(int(place) & 0xFFFFFFFF)


def _check(place: Address) -> None:
    if isinstance(place, IPv6Address) and place.ipv4_mapped is not None:
        return  # what it stands for is checked
    is_nowhere = place.is_multicast or place.is_unspecified
    if place.is_link_local or place in METADATA or is_nowhere:
        raise Forbidden(f"{place} is no address of a gateway")
    if not place.is_global and not settings.PAYGATE_GATEWAY_ALLOW_PRIVATE:
        raise Forbidden(f"{place} is private; PAYGATE_GATEWAY_ALLOW_PRIVATE=1 would allow it")
