"""The AsyncAPI document is whole, and says of every event what contracts and code say of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

import contracts
from deploy.rabbitmq.definitions import HEARS, SERVICES
from tests.contract import source_code

FILE = Path(contracts.__file__).parent / "asyncapi.yaml"
DOCUMENT: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
CHANNELS, OPERATIONS = DOCUMENT["channels"], DOCUMENT["operations"]
MESSAGES = DOCUMENT["components"]["messages"]


def references(node: Any) -> Iterator[str]:
    """Every `$ref` below a node."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for child in node.values():
            yield from references(child)
    if isinstance(node, list):
        for child in node:
            yield from references(child)


def follow(reference: str) -> Any:
    """What a reference leads to: in this document, or a file beside it."""
    file, _, pointer = reference.partition("#")
    node = _read(file) if file else DOCUMENT
    for step in pointer.split("/")[1:]:
        node = node[step]
    return node


@cache
def _read(file: str) -> Any:
    return json.loads((FILE.parent / file).read_text(encoding="utf-8"))


def stream(operation: dict[str, Any]) -> str:
    """The source whose events an operation sends or receives."""
    return str(follow(operation["channel"]["$ref"])["title"])


def operations(action: str) -> set[tuple[str, str]]:
    """Who does this, with which stream."""
    found = [o for o in OPERATIONS.values() if o["action"] == action]
    return {(operation["tags"][0]["name"], stream(operation)) for operation in found}


def test_it_is_an_asyncapi_3_document() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert {"title", "version", "description", "license"} <= set(DOCUMENT["info"])
    assert set(DOCUMENT["servers"]) == {"broker"}


@pytest.mark.parametrize("reference", sorted(set(references(DOCUMENT))))
def test_a_reference_leads_somewhere(reference: str) -> None:
    assert follow(reference)


def test_a_dead_reference_would_be_noticed() -> None:
    with pytest.raises(KeyError):
        follow("#/components/messages/case.nonsense.v1")


@pytest.mark.parametrize("source", contracts.sources())
def test_a_stream_is_a_channel_with_all_its_messages(source: str) -> None:
    channel = CHANNELS[source.rsplit("/", 1)[-1]]
    types = contracts.types_of(source)

    assert channel["title"] == source
    assert set(channel["messages"]) == set(types)
    for type, message in channel["messages"].items():
        assert message["$ref"] == f"#/components/messages/{type}"


@pytest.mark.parametrize("channel", CHANNELS.values(), ids=CHANNELS)
def test_a_channels_address_is_the_routing_key_of_each_of_its_messages(
    channel: dict[str, Any],
) -> None:
    facts = channel.get("parameters", {}).get("fact", {}).get("enum", [""])
    addresses = {channel["address"].replace("{fact}", fact) for fact in facts}

    assert addresses == set(channel["messages"])
    binding = follow(channel["bindings"]["$ref"])["amqp"]
    assert binding["is"] == "routingKey"
    assert binding["exchange"]["name"] == "lapor.events"
    assert binding["exchange"]["type"] == "topic"


def test_it_has_the_channels_and_messages_that_contracts_have() -> None:
    assert {channel["title"] for channel in CHANNELS.values()} == set(contracts.sources())
    assert set(MESSAGES) == set(contracts.TYPES)


@pytest.mark.parametrize("type", contracts.TYPES)
def test_a_message_has_its_payload_and_an_example(type: str) -> None:
    envelope, own = MESSAGES[type]["payload"]["schema"]["allOf"]

    assert MESSAGES[type]["title"] == contracts.schema(type)["title"]
    assert follow(envelope["$ref"]) == contracts.ENVELOPE
    assert own["properties"]["type"] == {"const": type}
    assert own["properties"]["source"] == {"const": contracts.source(type)}
    assert own["properties"]["data"] == {"$ref": f"./events/{type}.json"}
    for example in MESSAGES[type]["examples"]:
        assert follow(example["payload"]["$ref"]) == contracts.examples(type)[example["name"]]


def test_the_owner_of_a_stream_sends_it_and_nobody_else() -> None:
    assert operations("send") == {(s.split("/")[1], s) for s in contracts.sources()}


@pytest.mark.parametrize(("name", "operation"), OPERATIONS.items(), ids=OPERATIONS)
def test_an_operation_is_named_by_what_it_does(name: str, operation: dict[str, Any]) -> None:
    service, word = operation["tags"][0]["name"], stream(operation).rsplit("/", 1)[-1]
    verb = {"send": "Sends", "receive": "Receives"}[operation["action"]]

    assert name == f"{service}{verb}{word.capitalize()}"
    if operation["action"] == "receive":
        assert operation["x-queue"] == f"{service}.{word}"


def test_those_receive_a_stream_whose_code_subscribes_to_it() -> None:
    heard = {
        (service, contracts.source(handler.type))
        for service in source_code.services()
        for handler in source_code.heard(service)
    }

    assert operations("receive") == heard


def test_those_receive_a_stream_whom_the_broker_lets_bind_it() -> None:
    assert set(HEARS) == set(SERVICES)
    assert operations("receive") == {(s, source) for s in SERVICES for source in HEARS[s]}
