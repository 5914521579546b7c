"""A document that breaks its contract anywhere is rejected there: generated from each schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import jsonschema_rs
import pytest

import contracts
from tests.contract.walk import Schema

Check = Callable[[Any], None]
WORDS = contracts.schema("report.objected.v1")["properties"]["reason"]["pattern"]
Mutant = tuple[str, str, Any]  # JSON pointer, the rule that must catch it, the document


def mutants(schema: Schema, data: Any) -> Iterator[Mutant]:
    """Documents like `data`, each broken in one place."""
    for pointer, rule, change in _changes(schema, data, ""):
        broken = {"data": deepcopy(data)}
        change(broken)
        yield pointer, rule, broken["data"]


def _changes(schema: Schema, value: Any, pointer: str) -> Iterator[tuple[str, str, Any]]:
    for rule, wrong in _wrong(schema, value):
        yield pointer, rule, _put(pointer, wrong)
    if isinstance(value, dict):
        yield pointer, "additionalProperties", _put(f"{pointer}/unknown", 1)
        for name, child in schema["properties"].items():
            yield f"{pointer}/{name}", "required", _drop(f"{pointer}/{name}")
            yield from _changes(child, value[name], f"{pointer}/{name}")
    if isinstance(value, list):
        for index, item in enumerate(value[:1]):
            yield from _changes(schema["items"], item, f"{pointer}/{index}")


def _wrong(schema: Schema, value: Any) -> Iterator[tuple[str, Any]]:
    """Values that `schema` must refuse, with the rule that says so."""
    kinds = {schema["type"]} if isinstance(schema["type"], str) else set(schema["type"])
    fitting = {"boolean": True, "integer": 1, "string": "x", "object": {}, "array": []}
    for kind in sorted(set(fitting) - kinds):
        yield "type", fitting[kind]
    if "null" not in kinds:
        yield "type", None
    if "enum" in schema:
        yield "enum", "no such word"
    if "maxLength" in schema:
        yield "maxLength", "7" * (schema["maxLength"] + 1)
    if "minLength" in schema:
        yield "minLength", ""
    if "pattern" in schema and isinstance(value, str):
        yield "pattern", value[:-1] + "\0"
        if schema["pattern"] != WORDS:
            yield "pattern", value[:-1] + " "
            yield "pattern", value + "\n"
    if "maximum" in schema:
        yield "maximum", schema["maximum"] + 1
    if "minimum" in schema:
        yield "minimum", schema["minimum"] - 1
    if "maxItems" in schema:
        yield "maxItems", (value or ["x"]) * (schema["maxItems"] + 1)
    if schema.get("uniqueItems"):
        yield "uniqueItems", ["x", "x"]


def _put(pointer: str, value: Any) -> Any:
    def change(document: Any) -> None:
        place, last = _place(document, pointer)
        place[last] = value

    return change


def _drop(pointer: str) -> Any:
    def change(document: Any) -> None:
        place, last = _place(document, pointer)
        del place[last]

    return change


def _place(document: Any, pointer: str) -> tuple[Any, Any]:
    steps: list[Any] = ["data", *pointer.split("/")[1:]]
    for step in steps[:-1]:
        document = document[int(step) if isinstance(document, list) else step]
    last = steps[-1]
    return document, int(last) if isinstance(document, list) else last


def survivors(schema: Schema, data: Any, check: Check) -> list[tuple[str, str]]:
    """The mutants that `check` lets pass, or rejects somewhere else."""
    missed = []
    for pointer, rule, document in mutants(schema, data):
        try:
            check(document)
        except contracts.Violation as violation:
            # several rules may forbid one value; where it stands is not open to doubt
            if violation.field == pointer:
                continue
        missed.append((pointer, rule))
    return missed


@pytest.mark.parametrize("type", contracts.TYPES)
def test_no_broken_document_passes(type: str) -> None:
    schema = contracts.schema(type)
    for document in contracts.examples(type).values():
        found = survivors(schema, document["data"], lambda data: contracts.validate(type, data))

        assert found == []


@pytest.mark.parametrize("name", list(contracts.ENVELOPE["required"]))
def test_an_envelope_without_one_of_its_attributes_is_rejected(name: str) -> None:
    document = dict(contracts.examples("case.closed.v1")["accepted"])
    del document[name]

    with pytest.raises(contracts.Violation) as caught:
        contracts.validate_envelope(document)

    assert (caught.value.field, caught.value.rule) == (f"/{name}", "required")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("specversion", "0.3"),
        ("datacontenttype", "text/plain"),
        ("id", "1"),
        ("source", "routing"),
        ("type", "CaseClosed"),
        ("subject", "Budi, Jl. Melati 3"),
        ("time", "2026-11-02T09:12:31+08:00"),
        ("sequence", 0),
        ("sequence", 2**53),
        ("sequence", True),
        ("correlationid", ""),
        ("data", []),
        ("extension", {"deep": 1}),
    ],
)
def test_an_envelope_with_a_wrong_attribute_is_rejected(name: str, value: Any) -> None:
    document = contracts.examples("case.closed.v1")["accepted"] | {name: value}

    with pytest.raises(contracts.Violation) as caught:
        contracts.validate_envelope(document)

    assert caught.value.field == f"/{name}"


def test_an_envelope_of_a_later_version_may_carry_one_more_attribute() -> None:
    contracts.validate_envelope(contracts.examples("case.closed.v1")["accepted"] | {"later": "x"})


@pytest.mark.parametrize(
    ("loosen", "survivor"),
    [
        (lambda schema: schema.pop("additionalProperties"), ("", "additionalProperties")),
        (lambda schema: schema["required"].remove("how"), ("/how", "required")),
        (lambda schema: schema["properties"]["at"].pop("pattern"), ("/at", "pattern")),
        (lambda schema: schema["properties"]["how"].pop("enum"), ("/how", "enum")),
    ],
    ids=["open", "optional", "loose", "any word"],
)
def test_a_loosened_contract_does_not_get_through_these_tests(
    loosen: Callable[[Schema], Any], survivor: tuple[str, str]
) -> None:
    """The negative control: the same search finds what a weaker schema would let pass."""
    schema = contracts.schema("case.closed.v1")
    weaker = deepcopy(schema)
    loosen(weaker)
    valid = jsonschema_rs.Draft202012Validator(weaker).is_valid

    def check(data: Any) -> None:
        if not valid(data):
            contracts.validate("case.closed.v1", data)

    data = contracts.examples("case.closed.v1")["accepted"]["data"]
    assert survivor in survivors(schema, data, check)
