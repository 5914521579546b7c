"""What every contract has in common: closed, bounded, described, and owned by one stream."""

from __future__ import annotations

import re

import pytest

import contracts
from deploy.rabbitmq.definitions import SERVICES
from tests.contract.walk import objects, properties

TYPE = re.compile(r"^[a-z]+\.[a-z_]+\.v[1-9][0-9]?$")
WORD = re.compile(r"^([a-z]+(_[a-z]+)*|[A-Z])$")  # one letter: a clock's name
EVERY = pytest.mark.parametrize("type", contracts.TYPES)
DATE, DATE_TIME = (
    re.compile(contracts.schema(type)["properties"][name]["pattern"])
    for type, name in [("report.submitted.v1", "event_date"), ("report.accepted.v1", "at")]
)


SUBJECTS = {"number", "promises", "grants", "trail", "receipts"}


@EVERY
def test_a_contract_says_what_it_is(type: str) -> None:
    schema = contracts.schema(type)

    assert TYPE.match(type)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["title"]
    assert "need" in schema["description"] or "listen" in schema["description"]
    assert all(child["description"] for _, child in properties(schema))


@EVERY
def test_a_type_travels_in_one_stream_of_a_service(type: str) -> None:
    _, service, stream = contracts.source(type).split("/")

    assert service in SERVICES
    assert re.fullmatch(r"[a-z]+", stream)
    assert contracts.schema(type)["x-subject"] in SUBJECTS


def test_each_type_is_in_exactly_one_stream_and_no_two_streams_share_a_name() -> None:
    in_streams = [type for source in contracts.sources() for type in contracts.types_of(source)]
    names = [source.rsplit("/")[-1] for source in contracts.sources()]

    assert sorted(in_streams) == sorted(contracts.TYPES)
    assert len(set(names)) == len(names)


@EVERY
def test_an_object_is_closed_and_complete(type: str) -> None:
    for path, schema in objects(contracts.schema(type)):
        assert schema["additionalProperties"] is False, path
        assert schema["required"] == list(schema["properties"]), path


@EVERY
def test_whatever_can_grow_has_a_bound(type: str) -> None:
    for path, schema in properties(contracts.schema(type)):
        kinds = {schema["type"]} if isinstance(schema["type"], str) else set(schema["type"])
        if "string" in kinds:
            assert "enum" in schema or schema["maxLength"] > 0, path
        if "array" in kinds:
            assert schema["maxItems"] > 0, path
        if "integer" in kinds:
            assert schema["minimum"] >= 1, path
        assert "number" not in kinds, path


@EVERY
def test_listed_values_are_words(type: str) -> None:
    for path, schema in properties(contracts.schema(type)):
        if "enum" in schema:
            words = [word for word in schema["enum"] if word is not None]
            assert all(WORD.match(word) for word in words), path
            assert (None in schema["enum"]) == ("null" in schema["type"]), path


@EVERY
def test_days_and_moments_are_exact_without_a_format_check(type: str) -> None:
    for path, schema in properties(contracts.schema(type)):
        pattern = {"date": DATE.pattern, "date-time": DATE_TIME.pattern, None: None}
        expected = pattern[schema.get("format")]
        assert expected in (None, schema.get("pattern")), path


@pytest.mark.parametrize(
    ("pattern", "text", "good"),
    [
        (DATE, "2026-11-02", True),
        (DATE, "2026-13-02", False),
        (DATE, "2026-11-2", False),
        (DATE_TIME, "2026-11-02T01:12:31Z", True),
        (DATE_TIME, "2026-11-02T01:12:31.482913+00:00", True),
        (DATE_TIME, "2026-11-02T01:12:31+08:00", False),
        (DATE_TIME, "2026-11-02T24:00:00Z", False),
        (DATE_TIME, "2026-11-02 01:12:31Z", False),
        (DATE_TIME, "2026-11-02T01:12:31", False),
    ],
)
def test_the_patterns_of_days_and_moments(pattern: re.Pattern[str], text: str, good: bool) -> None:
    assert bool(pattern.fullmatch(text)) is good


def test_every_fact_about_a_case_carries_its_status_and_moment() -> None:
    for type in contracts.types_of("/routing/cases"):
        assert {"status", "at"} <= set(contracts.schema(type)["properties"]), type
