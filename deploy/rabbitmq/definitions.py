"""The broker's definitions: who may connect, and what each service may declare, say and hear.

A service owns the queues that start with its name and nothing else; what it may say and hear
follows from the contracts and from HEARS. The queues are there from the broker's first start: what
is said before its listener has ever run waits for it. There is no guest.
"""

import base64
import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

import contracts
from chassis.wire import DEAD, EVENTS, queues

VHOST = "lapor"
UNROUTED = "lapor.unrouted"
UNROUTED_KEPT = 10_000  # events that nobody was bound to; an alarm looks at the queue long before
OPERATOR = "operator"
# Where the Ombudsman's consumer reads the feed: a virtual host with nothing else in it.
FEED_VHOST, FEED, FEED_READER = "ombudsman", "feed", "ombudsman"
FEED_STREAMS = ("monitoring", "handovers")
STREAM = {
    "x-queue-type": "stream",
    "x-max-age": "90D",  # what is older is read over HTTP
    "x-max-length-bytes": 2_000_000_000,
    "x-stream-max-segment-size-bytes": 50_000_000,
}
NOTHING = "(?!)"  # fits no key; `^$` would fit the empty one
SERVICES = ("intake", "routing", "notify", "escalation")
USERS = (*SERVICES, OPERATOR, FEED_READER)

# Which streams a service may bind. Report texts go to routing, sealed contacts to notify, what the
# Ombudsman remarks to intake, and to nobody else.
HEARS = {
    "intake": (
        "/routing/cases", "/routing/replies", "/notify/messages",
        "/escalation/deadlines", "/escalation/escalations", "/escalation/words",
        "/escalation/remarks", "/escalation/calendars",
    ),
    "routing": (
        "/intake/reports", "/escalation/deadlines", "/escalation/escalations", "/escalation/words",
    ),
    "notify": (
        "/intake/contacts", "/routing/cases", "/escalation/deadlines", "/escalation/escalations",
    ),
    "escalation": (
        "/intake/consents", "/intake/receipts", "/routing/cases", "/routing/grants",
        "/routing/trail", "/notify/messages",
    ),
}  # fmt: skip


def definitions(passwords: Mapping[str, str]) -> dict[str, Any]:
    """The document that the broker loads at every boot; `passwords` by user, the operator's too."""
    listening = [queue for name in SERVICES for queue in queues(name, HEARS[name])]
    return {
        "users": [_user(name, password) for name, password in passwords.items()],
        "vhosts": [{"name": VHOST}, {"name": FEED_VHOST}],
        "permissions": [*map(_permission, SERVICES), _all_of(OPERATOR), *_of_feed()],
        "topic_permissions": [
            permission for name in SERVICES for permission in (_words(name), _burials(name))
        ],
        "exchanges": [
            _exchange(EVENTS, "topic", {"alternate-exchange": UNROUTED}),
            _exchange(DEAD, "topic"),
            _exchange(UNROUTED, "fanout"),
            _exchange(FEED, "direct") | {"vhost": FEED_VHOST},
        ],
        "queues": [
            _unrouted_queue(),
            *(_queue(q.name, q.queue_arguments) for q in listening),
            *(_queue(f"{FEED}.{name}", STREAM) | {"vhost": FEED_VHOST} for name in FEED_STREAMS),
        ],
        "bindings": [
            _binding(UNROUTED, UNROUTED, ""),
            *(_binding(*bound) for queue in listening for bound in _bound(queue)),
            *(
                _binding(FEED, f"{FEED}.{name}", name) | {"vhost": FEED_VHOST}
                for name in FEED_STREAMS
            ),
        ],
    }


def says(service: str) -> list[str]:
    """The event types that a service may publish: those of the streams that carry its name."""
    own = (s for s in contracts.sources() if s.startswith(f"/{service}/"))
    return _types(own)


def hears(service: str) -> list[str]:
    """The event types that a service may bind."""
    return _types(HEARS[service])


def _types(sources: Iterable[str]) -> list[str]:
    return sorted(kind for source in sources for kind in contracts.types_of(source))


def _user(name: str, password: str) -> dict[str, Any]:
    return {
        "name": name,
        "password_hash": password_hash(password, os.urandom(4)),
        "hashing_algorithm": "rabbit_password_hashing_sha256",
        "tags": ["administrator"] if name == OPERATOR else [],
        "limits": {},
    }


def password_hash(password: str, salt: bytes) -> str:
    """RabbitMQ's salted hash: four bytes of salt before the SHA-256 of salt and password."""
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def _permission(service: str) -> dict[str, str]:
    """Own queues only. A queue's declaration needs write on its dead-letter exchange, a binding
    read on the exchange; the topic permissions say which messages that covers."""
    own = rf"^({re.escape(service)}\..+|{re.escape(EVENTS)}|{re.escape(DEAD)})$"
    return {
        "user": service, "vhost": VHOST,
        "configure": rf"^{re.escape(service)}\..+$", "write": own, "read": own,
    }  # fmt: skip


def _all_of(user: str) -> dict[str, str]:
    return {"user": user, "vhost": VHOST, "configure": ".*", "write": ".*", "read": ".*"}


def _of_feed() -> list[dict[str, str]]:
    """Escalation only writes, the Ombudsman's consumer only reads: who takes its account over can
    neither put in nor take away."""
    own = {"vhost": FEED_VHOST, "configure": NOTHING}
    return [
        {**own, "user": "escalation", "write": f"^{FEED}$", "read": NOTHING},
        {**own, "user": FEED_READER, "write": NOTHING, "read": rf"^{FEED}\..+$"},
        _all_of(OPERATOR) | {"vhost": FEED_VHOST},
    ]


def _words(service: str) -> dict[str, str]:
    return {
        "user": service, "vhost": VHOST, "exchange": EVENTS,
        "write": _any_of(says(service)), "read": _any_of(hears(service)),
    }  # fmt: skip


def _burials(service: str) -> dict[str, str]:
    """Only its own dead letters; the broker itself puts them there, so nobody writes."""
    return {
        "user": service, "vhost": VHOST, "exchange": DEAD,
        "write": NOTHING, "read": f"^{re.escape(service)}$",
    }  # fmt: skip


def _any_of(words: Iterable[str]) -> str:
    """A pattern for exactly these routing keys, so that no wildcard binding fits it."""
    return f"^({'|'.join(map(re.escape, words))})$"


def _exchange(name: str, kind: str, arguments: dict[str, str] | None = None) -> dict[str, Any]:
    return {
        "name": name, "vhost": VHOST, "type": kind, "durable": True, "auto_delete": False,
        "internal": False, "arguments": arguments or {},
    }  # fmt: skip


def _unrouted_queue() -> dict[str, Any]:
    return _queue(UNROUTED, {"x-queue-type": "quorum", "x-max-length": UNROUTED_KEPT})


def _queue(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name, "vhost": VHOST, "durable": True, "auto_delete": False,
        "arguments": arguments,
    }  # fmt: skip


def _bound(queue: Any) -> list[tuple[str, str, str]]:
    """Exchange, queue and routing key of each binding of one of `chassis.wire`'s queues."""
    ways = queue.bindings or [queue]
    return sorted((way.exchange.name, queue.name, way.routing_key) for way in ways)


def _binding(exchange: str, queue: str, key: str) -> dict[str, Any]:
    return {
        "source": exchange, "vhost": VHOST, "destination": queue, "destination_type": "queue",
        "routing_key": key, "arguments": {},
    }  # fmt: skip
