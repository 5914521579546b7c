"""Posts to an address that others have chosen, and reaches nothing inside of the house by it.

Only https on its usual port. The name is resolved once, every address that it has must be outside,
and these are tried in turn until one of them answers the call; nothing is followed, little is read,
and all of it, the name's look-up too, ends in time whatever the other side does. Sockets, threads
and timers are plain, so that they are green in a worker.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from threading import Thread, Timer
from typing import Any
from urllib.parse import SplitResult, urlsplit

SECONDS = 10.0  # for all of it
LONGEST = 500
_PLAIN = re.compile(r"[\x21-\x7e]+")
_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?(:[0-9]*)?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")  # as a last label: an IPv4 address, spelled somehow
_NAT64 = IPv6Network("64:ff9b::/96")
# Special ones that some versions of Python call public.
_OLD_KIND = ("192.0.0.0/24", "192.88.99.0/24")
_NEW_KIND = ("64:ff9b:1::/48", "2002::/16", "3fff::/20", "fec0::/10")
_SPECIAL = tuple(map(ip_network, _OLD_KIND + _NEW_KIND))
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
    if not inside:
        _refuse_host(found)
    return Place(found.scheme == "https", found.hostname, port or usual, path)


def _refuse_host(url: SplitResult) -> None:
    """Raises NotOutside unless it is a name, or an outside address in its usual spelling: in others
    (`127.1`, `0x7f.1`, `2130706433`) only some readers see an address."""
    host = str(url.hostname)
    try:
        ip_address(host)
    except ValueError:
        last = host.removesuffix(".").rpartition(".")[2]
        if not _NAME.fullmatch(url.netloc.lower()) or _NUMBER.fullmatch(last):
            raise NotOutside("neither a name nor an address") from None
    else:
        if not is_outside(host):
            raise NotOutside("an address inside")


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
    found = _resolved(place, lookup, until)
    if not inside and not all(is_outside(one[4][0]) for one in found):
        raise NotOutside("an address inside")
    try:
        with closing(_connected(place, found, until)) as line:
            return _exchange(place, line, headers, body, until)
    except (OSError, HTTPException, ValueError) as error:
        raise Unreachable(type(error).__name__) from None


def _resolved(place: Place, lookup: Lookup, until: float) -> list[Any]:
    """What the name stands for. Nobody can interrupt a look-up: one that lasts is left alone."""
    found: list[Any] = []

    def ask() -> None:
        with suppress(OSError, UnicodeError):
            found.extend(lookup(place.host, place.port, type=socket.SOCK_STREAM))

    asking = Thread(target=ask, daemon=True)
    asking.start()
    asking.join(_left(until))
    if not found:
        raise Unreachable("the name is not known")
    return list(found)


def _connected(place: Place, found: list[Any], until: float) -> socket.socket:
    """A line to the first address that takes the call, and proves that it may. Each has an equal
    share of the time that is left: one that never answers leaves enough to the next."""
    for others, address in zip(range(len(found))[::-1], found, strict=True):
        share = time.monotonic() + _left(until) / (others + 1)
        try:
            return _called(place, address, share)
        except OSError:
            if not others:
                raise
    raise Unreachable("no address")


def _called(place: Place, address: Any, until: float) -> socket.socket:
    family, kind, protocol, _, target = address
    plain = socket.socket(family, kind, protocol)
    try:
        with _ended(plain, until):
            plain.connect(target)
            return _wrapped(plain, place.host) if place.secure else plain
    except BaseException:
        plain.close()
        raise


def _exchange(
    place: Place, line: socket.socket, headers: Mapping[str, str], body: bytes, until: float
) -> int:
    with _ended(line, until):
        asking = HTTPConnection(place.host, place.port)
        asking.auto_open, asking.sock = 0, line
        asking.request("POST", place.path, body, {**headers, "Connection": "close"})
        return asking.getresponse().status


@contextmanager
def _ended(line: socket.socket, until: float) -> Iterator[None]:
    """Cuts the line if the block still waits by then. Each wait has a limit, but a receiver could
    send a byte before each ends. It is cut at a copy: who speaks TLS takes the line itself away."""
    line.settimeout(_left(until))
    with closing(socket.socket(fileno=os.dup(line.fileno()))) as copy:
        end = Timer(_left(until), _cut, [copy])
        end.daemon = True
        end.start()
        try:
            yield
        finally:
            end.cancel()


def _left(until: float) -> float:
    return max(0.01, until - time.monotonic())


def _wrapped(plain: socket.socket, host: str) -> socket.socket:
    return ssl.create_default_context().wrap_socket(plain, server_hostname=host)


def _cut(line: socket.socket) -> None:
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
