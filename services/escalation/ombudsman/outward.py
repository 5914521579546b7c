"""Posts to an address that others have chosen, and reaches nothing inside of the house by it.

Only https on its usual port. The name is resolved once, every address that it has must be outside,
and the connection goes to one of these; nothing is followed, little is read, and all of it ends in
time whatever the other side does. Sockets and timers are plain, so that they are green in a worker.
"""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from threading import Timer
from typing import Any
from urllib.parse import urlsplit

SECONDS = 10.0  # for all of it
LONGEST = 500
_PLAIN = re.compile(r"[\x21-\x7e]+")
_NAT64 = IPv6Network("64:ff9b::/96")
# Special ones that some versions of Python call public.
_SPECIAL = tuple(map(ip_network, ("192.0.0.0/24", "192.88.99.0/24", "64:ff9b:1::/48", "2002::/16")))
Lookup = Callable[..., Any]


class NotOutside(Exception):
    """An address that may not be reached. The text says by which rule, not what is there."""


class Unreachable(Exception):
    """Nobody answered there in time, or nothing that can be understood."""


@dataclass(frozen=True)
class Place:
    """An address in its parts."""

    secure: bool
    host: str
    port: int
    path: str


def parts(url: str, *, inside: bool = False) -> Place:
    """The parts of an address. Raises NotOutside unless it is plain https on port 443; `inside` is
    for tests and demonstrations, where a receiver stands on the same machine."""
    try:
        found = urlsplit(url)
        port = found.port
    except ValueError:
        raise NotOutside("this is no address") from None
    if len(url) > LONGEST or not _PLAIN.fullmatch(url) or not found.hostname:
        raise NotOutside("this is no address")
    if found.scheme != "https" and not (inside and found.scheme == "http"):
        raise NotOutside("only https")
    if "@" in found.netloc or "#" in url or "\\" in url:
        raise NotOutside("no user, no fragment")
    usual = 443 if found.scheme == "https" else 80
    if not inside and port not in (None, usual):
        raise NotOutside("only port 443")
    path = (found.path or "/") + (f"?{found.query}" if found.query else "")
    place = Place(found.scheme == "https", found.hostname, port or usual, path)
    with suppress(ValueError):
        if not inside and not is_outside(str(ip_address(place.host))):
            raise NotOutside("an address inside")
    return place


def is_outside(address: str) -> bool:
    """Whether an IP address is one of the public internet, and leads to no other kind."""
    ip = ip_address(address.partition("%")[0])
    inner = _embedded(ip) if isinstance(ip, IPv6Address) else []
    if any(ip in net for net in _SPECIAL) or not all(is_outside(str(one)) for one in inner):
        return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def _embedded(ip: IPv6Address) -> list[IPv4Address]:
    """The addresses of the old kind that are reached by one of the new."""
    found = [ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())]
    if ip in _NAT64:
        found.append(IPv4Address(int(ip) & 0xFFFFFFFF))
    return [inner for inner in found if inner is not None]


def post(
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    inside: bool = False,
    seconds: float = SECONDS,
    lookup: Lookup = socket.getaddrinfo,
) -> int:
    """Sends a body; the status of the answer. Raises NotOutside or Unreachable."""
    place, until = parts(url, inside=inside), time.monotonic() + seconds
    try:
        found = lookup(place.host, place.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Unreachable("the name is not known") from None
    if not found or (not inside and not all(is_outside(one[4][0]) for one in found)):
        raise NotOutside("an address inside")
    try:
        return _exchange(place, found[0], headers, body, until)
    except (OSError, HTTPException, ValueError) as error:
        raise Unreachable(type(error).__name__) from None


def _exchange(
    place: Place, address: Any, headers: Mapping[str, str], body: bytes, until: float
) -> int:
    family, kind, protocol, _, target = address
    with closing(socket.socket(family, kind, protocol)) as plain:
        # Each wait has a limit, but a receiver could send a byte before each ends.
        end = Timer(max(0.01, until - time.monotonic()), _cut, [plain])
        end.daemon = True
        end.start()
        try:
            plain.settimeout(max(0.01, until - time.monotonic()))
            plain.connect(target)
            line = HTTPConnection(place.host, place.port)
            line.auto_open = 0
            line.sock = _wrapped(plain, place.host) if place.secure else plain
            with closing(line.sock):
                told = {**headers, "Connection": "close"}
                line.request("POST", place.path, body, told)
                return line.getresponse().status
        finally:
            end.cancel()


def _wrapped(plain: socket.socket, host: str) -> socket.socket:
    return ssl.create_default_context().wrap_socket(plain, server_hostname=host)


def _cut(plain: socket.socket) -> None:
    with suppress(OSError):
        plain.shutdown(socket.SHUT_RDWR)
