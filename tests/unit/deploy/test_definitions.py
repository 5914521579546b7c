"""What the broker's definitions allow, as text; tests/service/deploy tries it on a broker."""

import re
from itertools import product
from typing import Any

import pytest

import contracts
from chassis import wire
from deploy.rabbitmq.definitions import (
    FEED,
    FEED_STREAMS,
    FEED_VHOST,
    HEARS,
    SERVICES,
    USERS,
    definitions,
    hears,
    password_hash,
    says,
)
from services.escalation.models import STREAMS
from services.escalation.ombudsman import broadcasting


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return definitions({name: f"password of {name}" for name in USERS})


def words(document: dict[str, Any], service: str, verb: str) -> re.Pattern[str]:
    found = [
        permission[verb]
        for permission in document["topic_permissions"]
        if permission["user"] == service and permission["exchange"] == "lapor.events"
    ]
    assert len(found) == 1
    return re.compile(found[0])


@pytest.mark.parametrize(("service", "kind"), list(product(SERVICES, contracts.TYPES)))
def test_a_service_may_bind_the_streams_that_it_hears_and_no_other(
    document: dict[str, Any], service: str, kind: str
) -> None:
    allowed = bool(words(document, service, "read").search(kind))

    assert allowed == (contracts.source(kind) in HEARS[service])


@pytest.mark.parametrize(("service", "kind"), list(product(SERVICES, contracts.TYPES)))
def test_a_service_may_say_what_its_own_streams_carry_and_nothing_else(
    document: dict[str, Any], service: str, kind: str
) -> None:
    allowed = bool(words(document, service, "write").search(kind))

    assert allowed == contracts.source(kind).startswith(f"/{service}/")


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("key", ["#", "*", "*.*.*", "report.#", "case.*.v1", "", "xcase.opened.v1"])
def test_no_wildcard_fits(document: dict[str, Any], service: str, key: str) -> None:
    assert not words(document, service, "read").search(key)


def test_report_texts_go_to_routing_and_sealed_contacts_to_notify_alone() -> None:
    assert [s for s in SERVICES if "report.submitted.v1" in hears(s)] == ["routing"]
    assert [s for s in SERVICES if "report.contact_sealed.v1" in hears(s)] == ["notify"]


def test_every_type_has_one_speaker_and_a_listener() -> None:
    for kind in contracts.TYPES:
        assert sum(kind in says(service) for service in SERVICES) == 1, kind
        assert any(kind in hears(service) for service in SERVICES), kind


@pytest.mark.parametrize("service", SERVICES)
def test_all_that_a_service_hears_is_kept_for_it_from_the_brokers_first_start(
    document: dict[str, Any], service: str
) -> None:
    kept = [
        bound["routing_key"]
        for bound in document["bindings"]
        if bound["source"] == "lapor.events" and bound["destination"].startswith(f"{service}.")
    ]

    assert sorted(kept) == hears(service)
    assert [b["routing_key"] for b in document["bindings"] if b["destination"] == f"{service}.dead"]


@pytest.mark.parametrize("service", SERVICES)
def test_the_queues_are_those_that_the_service_declares(
    document: dict[str, Any], service: str
) -> None:
    found = {queue["name"]: queue["arguments"] for queue in document["queues"]}

    for queue in wire.queues(service, HEARS[service]):
        assert found[queue.name] == queue.queue_arguments


def test_each_stream_of_the_feed_has_one_of_the_brokers(document: dict[str, Any]) -> None:
    assert FEED_STREAMS == STREAMS
    assert (broadcasting.HOST, broadcasting.EXCHANGE) == (FEED_VHOST, FEED)
    made = [q for q in document["queues"] if q["arguments"].get("x-queue-type") == "stream"]
    assert {(q["vhost"], q["name"]) for q in made} == {(FEED_VHOST, f"feed.{s}") for s in STREAMS}
    bound = [b for b in document["bindings"] if b["vhost"] == FEED_VHOST]
    assert {(b["routing_key"], b["destination"]) for b in bound} == {
        (s, f"feed.{s}") for s in STREAMS
    }


def test_no_password_stands_in_the_definitions(document: dict[str, Any]) -> None:
    assert "password of" not in str(document)


def test_a_hash_is_the_one_that_rabbitmq_computes() -> None:
    # the example of RabbitMQ's documentation: "test12" with the salt 908DC60A
    assert password_hash("test12", bytes.fromhex("908DC60A")) == (
        "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR"
    )
