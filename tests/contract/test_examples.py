"""Every contract has examples, they keep it, and together they show every branch of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

import contracts
from tests.contract.walk import properties, values_at

ALL = [(type, case) for type in contracts.TYPES for case in contracts.examples(type)]
FOLDER = Path(contracts.__file__).parent / "events"


@pytest.mark.parametrize(("type", "case"), ALL, ids=lambda value: value)
def test_an_example_is_a_whole_event_that_keeps_its_contract(type: str, case: str) -> None:
    document = contracts.examples(type)[case]

    contracts.validate_envelope(document)
    contracts.validate(type, document["data"])

    assert document["type"] == type
    assert document["source"] == contracts.source(type)


@pytest.mark.parametrize("type", contracts.TYPES)
def test_a_type_has_at_least_two_examples(type: str) -> None:
    assert len(contracts.examples(type)) >= 2


def test_no_folder_of_examples_is_left_without_a_contract() -> None:
    folders = {entry.name for entry in (FOLDER / "examples").iterdir()}

    assert folders == set(contracts.TYPES)


def test_no_two_examples_are_the_same_event() -> None:
    ids = [UUID(contracts.examples(type)[case]["id"]) for type, case in ALL]

    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("type", contracts.TYPES)
def test_the_subject_is_what_the_contract_says_it_is(type: str) -> None:
    expected = contracts.schema(type)["x-subject"]
    subjects = {document["subject"] for document in contracts.examples(type).values()}

    if expected == "number":
        assert all("-" in subject for subject in subjects)
    else:
        assert subjects == {expected}


def branches() -> Iterator[tuple[str, set[Any], set[Any]]]:
    """Per stream and property: the values that its contract lists, and those that examples show.

    Types that list the same values for the same property of one stream share them.
    """
    listed: dict[tuple[str, str, str], set[Any]] = defaultdict(set)
    shown: dict[tuple[str, str, str], set[Any]] = defaultdict(set)
    for type in contracts.TYPES:
        for path, schema in properties(contracts.schema(type)):
            if "enum" in schema:
                key = (contracts.source(type), path, repr(schema["enum"]))
                listed[key] |= set(schema["enum"])
                for document in contracts.examples(type).values():
                    shown[key] |= set(values_at(document["data"], path))
    for key, values in listed.items():
        yield f"{key[0]} {key[1]}", values, shown[key]


def test_examples_show_every_listed_value() -> None:
    unseen = {key: listed - shown for key, listed, shown in branches() if listed - shown}

    assert unseen == {}


@pytest.mark.parametrize("type", contracts.TYPES)
def test_examples_show_both_sides_of_whatever_may_be_null_or_false(type: str) -> None:
    data = [document["data"] for document in contracts.examples(type).values()]
    one_sided = []
    for path, schema in properties(contracts.schema(type)):
        values = [value for one in data for value in values_at(one, path)]
        if "null" in schema["type"] and not {True, False} <= {value is None for value in values}:
            one_sided.append(path)
        if schema["type"] == "boolean" and set(values) != {True, False}:
            one_sided.append(path)

    assert one_sided == []
