"""What each service's account may do with every queue, exchange and event of the broker, tried one
by one: whoever steals it has this and no more.

Queues, exchanges and accounts are read from the definitions and events from the contracts, so that
a new one is in the matrix by itself.
"""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import amqp
import pytest

import contracts
from deploy.local.broker import Broker, connect
from deploy.rabbitmq.definitions import (
    FEED_READER,
    FEED_VHOST,
    HEARS,
    OPERATOR,
    SERVICES,
    UNROUTED,
    USERS,
    VHOST,
    definitions,
)

DOCUMENT = definitions(dict.fromkeys(USERS, "x"))
QUEUES = [queue["name"] for queue in DOCUMENT["queues"] if queue["vhost"] == VHOST]
EXCHANGES = [one["name"] for one in DOCUMENT["exchanges"] if one["vhost"] == VHOST]
EVENTS, DEAD = "lapor.events", "lapor.dead"
WILD = ("#", "*", "*.*.*", "report.#", "")
# What every broker begins with: by the last, when it is on, it tells of each message anywhere.
BROKERS = (
    "amq.direct",
    "amq.fanout",
    "amq.headers",
    "amq.match",
    "amq.topic",
    "amq.rabbitmq.trace",
)
EACH = pytest.mark.parametrize("service", SERVICES)


@dataclass(frozen=True)
class Attempt:
    """One thing to try."""

    verb: str
    on: str
    key: str = ""


def trial(service: str) -> str:
    """The name of a queue, or an exchange, of the service's own that is not in use."""
    return f"{service}.trial"


def attempts(service: str) -> Iterator[tuple[Attempt, bool]]:
    """Everything that is tried as one service, and whether it may succeed."""
    others = [name for name in SERVICES if name != service]
    heard = min(_owned(service)[0])
    for queue in [*QUEUES, trial(service), *map(trial, others)]:
        own = queue.startswith(f"{service}.")
        for verb in ("get", "consume"):
            yield Attempt(verb, queue), own
        if not own or queue == trial(service):  # of one's own, what matters must outlast the test
            yield Attempt("purge", queue), own
            yield Attempt("unbind", queue, heard), own
            yield Attempt("delete", queue), own
            yield Attempt("declare", queue), own
        yield Attempt("publish", "", queue), False
    for name in ("tap", service, f"x.{service}.tap", "", "amq.gen-tap"):
        yield Attempt("declare", name), False
    yield from _of_exchanges(service, others)


def _of_exchanges(service: str, others: list[str]) -> Iterator[tuple[Attempt, bool]]:
    heard, said = _owned(service)
    for kind in contracts.TYPES:
        yield Attempt("bind", EVENTS, kind), kind in heard
        yield Attempt("publish", EVENTS, kind), kind in said
    for key in (*SERVICES, *WILD):
        yield Attempt("bind", DEAD, key), key == service
        yield Attempt("publish", DEAD, key), False
    for key in WILD:
        yield Attempt("bind", EVENTS, key), False
        yield Attempt("lead", EVENTS, key), False
        yield Attempt("lead", DEAD, key), False
        yield Attempt("publish", EVENTS, key), False
        yield Attempt("bind", UNROUTED, key), False
        yield Attempt("publish", UNROUTED, key), False
    for exchange in BROKERS:
        yield Attempt("bind", exchange, "#"), False
        yield Attempt("publish", exchange, "#"), False
    for exchange in EXCHANGES:
        yield Attempt("delete exchange", exchange), False
    for exchange in ("tap", *map(trial, others)):
        yield Attempt("declare exchange", exchange), False
    yield Attempt("publish as another", EVENTS, others[0]), False


def _owned(service: str) -> tuple[set[str], set[str]]:
    """The types that a service hears and says, by the streams of the contracts."""
    heard = {kind for kind in contracts.TYPES if contracts.source(kind) in HEARS[service]}
    said = {k for k in contracts.TYPES if contracts.source(k).startswith(f"/{service}/")}
    return heard, said


def succeeds(connection: Any, service: str, attempt: Attempt) -> bool:
    """Whether the broker lets it; any other answer than yes or no is an error."""
    with suppress(amqp.exceptions.AccessRefused, amqp.exceptions.PreconditionFailed):
        channel = connection.channel()
        _do(channel, service, attempt)
        channel.close()
        return True
    return False


def _do(channel: Any, service: str, attempt: Attempt) -> None:
    verb, on, key = attempt.verb, attempt.on, attempt.key
    if verb == "get":
        channel.basic_get(on)
    elif verb == "consume":
        channel.basic_cancel(channel.basic_consume(on, callback=lambda _: None))
    elif verb == "purge":
        channel.queue_purge(on)
    elif verb == "unbind":
        channel.queue_unbind(on, EVENTS, key)
    elif verb == "delete":
        channel.queue_delete(on)
    elif verb == "declare":
        channel.queue_declare(on, durable=True, auto_delete=False)
    elif verb == "bind":
        channel.queue_bind(trial(service), on, key)
    elif verb == "lead":  # events into an exchange of one's own
        channel.exchange_declare(trial(service), "topic", durable=False, auto_delete=False)
        channel.exchange_bind(trial(service), on, key)
    elif verb == "delete exchange":
        channel.exchange_delete(on)
    elif verb == "declare exchange":
        channel.exchange_declare(on, "topic", auto_delete=False)
    else:
        sender = {"user_id": key} if verb == "publish as another" else {}
        routing_key = min(_owned(service)[1]) if sender else key
        channel.confirm_select()
        channel.basic_publish_confirm(amqp.Message("{}", **sender), on, routing_key)


def differences(broker: Broker, service: str) -> dict[Attempt, bool]:
    """What succeeded and should not have (True), or was refused and should not have been."""
    found = {}
    with closing(connect(broker.uri(service))) as connection:
        for attempt, may in attempts(service):
            if (did := succeeds(connection, service, attempt)) != may:
                found[attempt] = did
    return found


@pytest.fixture(autouse=True)
def trials(broker: Broker) -> Iterator[None]:
    """A queue of each service's own to try things on; after it nothing is left of what was said."""
    with closing(connect(broker.uri())) as operator:
        channel = operator.channel()
        for service in SERVICES:
            channel.queue_declare(trial(service), durable=True, auto_delete=False)
        yield
        for service in SERVICES:
            channel.queue_delete(trial(service))
            channel.exchange_delete(trial(service))
        for queue in QUEUES:
            channel.queue_purge(queue)


@EACH
def test_an_account_can_do_what_its_service_must_and_nothing_else(
    broker: Broker, service: str
) -> None:
    assert differences(broker, service) == {}


def test_the_matrix_knows_every_queue_and_every_event() -> None:
    """A new service, queue or event is tried in the name of every account."""
    for service in SERVICES:
        tried = [attempt for attempt, _ in attempts(service)]
        assert {a.on for a in tried if a.verb == "get"} >= set(QUEUES)
        assert {a.key for a in tried if a.verb == "publish" and a.on == EVENTS} >= set(
            contracts.TYPES
        )
        assert {a.on for a in tried if a.verb == "delete exchange"} == set(EXCHANGES)
        assert {a.on for a in tried if a.verb == "bind"} == {*EXCHANGES, *BROKERS}


@contextmanager
def granted(broker: Broker, what: str, *words: str) -> Iterator[None]:
    """One more right for intake's account meanwhile."""
    [usual] = [p for p in DOCUMENT["permissions"] if p["user"] == "intake"]
    [topics] = [
        p
        for p in DOCUMENT["topic_permissions"]
        if p["user"] == "intake" and p["exchange"] == EVENTS
    ]
    of_queues = [usual[verb] for verb in ("configure", "write", "read")]
    of_topics = [EVENTS, topics["write"], topics["read"]]
    before = of_queues if what == "set_permissions" else of_topics
    try:
        broker.ctl(what, "--vhost", VHOST, "intake", *(words or before))
        yield
    finally:
        broker.ctl(what, "--vhost", VHOST, "intake", *before)


def test_one_right_too_many_is_seen(broker: Broker) -> None:
    """The negative control."""
    [usual] = [p for p in DOCUMENT["permissions"] if p["user"] == "intake"]
    wide = f"{usual['read']}|^notify\\.contacts$"
    with granted(broker, "set_permissions", usual["configure"], usual["write"], wide):
        found = differences(broker, "intake")
    assert found == {Attempt(verb, "notify.contacts"): True for verb in ("get", "consume", "purge")}

    with granted(broker, "set_topic_permissions", EVENTS, "^case.closed.v1$", "^#$"):
        found = differences(broker, "intake")
    assert {Attempt("bind", EVENTS, "#"), Attempt("lead", EVENTS, "#"),
            Attempt("publish", EVENTS, "case.closed.v1")} <= set(found)  # fmt: skip
    assert found[Attempt("publish", EVENTS, "report.submitted.v1")] is False


def test_the_broker_knows_these_accounts_and_no_other(broker: Broker) -> None:
    """No guest, and nobody but the operator may administer anything."""
    users = json.loads(broker.ctl("list_users", "--formatter", "json"))
    told = ("list_permissions", "--vhost", VHOST, "--formatter", "json")

    named = json.loads(broker.ctl("list_exchanges", "--vhost", VHOST, "--formatter", "json"))

    given = {"feed"}  # where this broker was once a given one, which has one virtual host for all
    assert {one["name"] for one in named} - given == {"", *EXCHANGES, *BROKERS}
    assert {user["user"]: user["tags"] for user in users} == {
        **{user: [] for user in USERS}, OPERATOR: ["administrator"],
    }  # fmt: skip
    assert {row["user"] for row in json.loads(broker.ctl(*told))} == {*SERVICES, OPERATOR}


@pytest.mark.parametrize("user", [*SERVICES, FEED_READER])
def test_the_feeds_streams_are_entered_by_who_writes_and_by_who_reads_them(
    broker: Broker, user: str
) -> None:
    """And who reads them enters nothing else."""
    home, feeds = broker.uri(user), broker.uri(user, FEED_VHOST)
    entered = {uri for uri in (home, feeds) if enters(uri)}

    assert (home in entered) is (user != FEED_READER)
    assert (feeds in entered) is (user in ("escalation", FEED_READER))


def enters(uri: str) -> bool:
    with suppress(amqp.exceptions.NotAllowed, amqp.exceptions.AccessRefused):
        connect(uri).close()
        return True
    return False


FEED_ATTEMPTS = {
    "write": lambda channel: channel.basic_publish_confirm(amqp.Message("{}"), "feed", "elsewhere"),
    "write past the exchange": lambda channel: channel.basic_publish_confirm(
        amqp.Message("{}"), "", "feed.monitoring"
    ),
    "read": lambda channel: channel.basic_cancel(
        channel.basic_consume("feed.monitoring", callback=lambda _: None)
    ),
    "declare": lambda channel: channel.queue_declare("feed.more", durable=True, auto_delete=False),
    "delete": lambda channel: channel.queue_delete("feed.monitoring"),
    "unbind": lambda channel: channel.queue_unbind("feed.monitoring", "feed", "monitoring"),
    "lead": lambda channel: channel.queue_bind("feed.monitoring", "feed", "handovers"),
    "delete exchange": lambda channel: channel.exchange_delete("feed"),
}


@pytest.mark.parametrize("attempt", FEED_ATTEMPTS)
@pytest.mark.parametrize(("user", "may"), [("escalation", "write"), (FEED_READER, "read")])
def test_one_account_only_writes_the_feeds_streams_and_one_only_reads_them(
    broker: Broker, user: str, may: str, attempt: str
) -> None:
    with closing(connect(broker.uri(user, FEED_VHOST))) as connection:
        channel = connection.channel()
        channel.confirm_select()
        channel.basic_qos(0, 10, False)
        did = True
        try:
            FEED_ATTEMPTS[attempt](channel)
        except amqp.exceptions.AccessRefused:
            did = False

    assert did is (attempt == may)


@EACH
def test_an_account_enters_no_other_virtual_host(broker: Broker, service: str) -> None:
    address = broker.uri(service).rpartition("/")[0] + "/%2F"

    with pytest.raises((amqp.exceptions.NotAllowed, amqp.exceptions.AccessRefused)):
        connect(address)
