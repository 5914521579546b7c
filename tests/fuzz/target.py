"""Bytes at each door: whatever they are, they are taken as they were meant or properly refused.

The doors are every schema of what a client sends, behind the strict decoder, and the inbox, where
messages of the broker come in. Any exception but a refusal, and any answer that does not hold what
the decoder promises, is a find.
"""

from __future__ import annotations

import importlib
import json
import math
import unicodedata
from collections.abc import Iterator
from typing import Any

from marshmallow import fields

import contracts
from chassis import inbox, strict_json
from chassis.errors import Invalid, Malformed, Poison, Refusal
from chassis.schemas import MOST_ERRORS, Strict, instance, load
from tests.harness.doors import OPERATIONS

INBOX = "inbox"
LONGEST = 1_000  # characters of what is said of one field: a closed list of words may be long
VALUES = ("Jalan rusak", "2026-11-20", "2026-11-20T08:00:00+08:00", 7, 1.5e3, True, None, [], {})


def bodies() -> set[str]:
    """Every schema of a body by the OpenAPI documents, such as `intake NewReport`."""
    return {
        f"{one.service} {content['application/json']['schema']['$ref'].rpartition('/')[2]}"
        for one in OPERATIONS
        if (content := one.details.get("requestBody", {}).get("content"))
    }


def schemas() -> dict[str, type[Strict]]:
    """The same as the services have them, in order of name."""
    for service in {name.split()[0] for name in bodies()}:
        importlib.import_module(f"services.{service}.api")
    found = {f"{one.__module__.split('.')[1]} {one.__name__}": one for one in _below(Strict)}
    return {name: found[name] for name in sorted(bodies())}


def _below(schema: type[Strict]) -> Iterator[type[Strict]]:
    for one in schema.__subclasses__():
        yield one
        yield from _below(one)


NAMED = schemas()
SCHEMAS = list(NAMED.values())
DOORS = [*NAMED, INBOX]


def judge(door: int, raw: bytes) -> str:
    """Which way the bytes went at a door (`taken`, `malformed`, `invalid`, `poison`); raises
    whatever is a find."""
    if DOORS[door] == INBOX:
        try:
            inbox.decode(raw)
        except Poison:
            return "poison"
        return "taken"
    try:
        document = strict_json.loads(raw)
    except Malformed as refusal:
        _is_a_refusal(refusal)
        return "malformed"
    _is_sound(document, 1)
    assert strict_json.loads(json.dumps(document, allow_nan=False).encode()) == document
    try:
        load(SCHEMAS[door], document)
    except Invalid as refusal:
        _is_a_refusal(refusal)
        return "invalid"
    return "taken"


def _is_a_refusal(refusal: Refusal) -> None:
    assert refusal.status in (400, 422)
    assert 1 <= len(refusal.errors) <= MOST_ERRORS
    for error in refusal.errors:
        assert error["rule"]
        assert 0 < len(error["message"]) <= LONGEST


def _is_sound(value: Any, depth: int) -> None:
    assert depth <= strict_json.DEPTH
    if isinstance(value, dict):
        for name, below in value.items():
            _is_sound(name, depth)
            _is_sound(below, depth + 1)
    elif isinstance(value, list):
        for below in value:
            _is_sound(below, depth + 1)
    elif isinstance(value, str):
        assert "\0" not in value
        value.encode()  # no half of a character
        assert unicodedata.is_normalized("NFC", value)
    elif isinstance(value, float):
        assert math.isfinite(value)
    elif value is not None and not isinstance(value, bool):
        assert abs(value) <= strict_json.INTEGER


def seeds() -> Iterator[tuple[int, bytes]]:
    """What to begin with: at each door, bodies with its fields' names, and the events' examples."""
    for door, schema in enumerate(SCHEMAS):
        for value in VALUES:
            body = {name: value for name, _ in _fields(schema)}
            yield door, json.dumps(body).encode()
    for type in contracts.TYPES:
        for event in contracts.examples(type).values():
            yield len(SCHEMAS), json.dumps(event).encode()


def words() -> set[str]:
    """What stands in bodies: names, listed values and pieces of JSON that a fuzzer would be long in
    finding."""
    pieces = {"true", "false", "null", "NaN", "Infinity", "1e400", "-1", "9007199254740993", r"\u"}
    pieces |= {"\\ud800", "\\u0000", "{", "}", "[", "]", ":", ",", '"', "\u0301", "\ufeff"}
    named = {f'"{name}"' for schema in SCHEMAS for name, _ in _fields(schema)}
    listed = {
        f'"{choice}"'
        for schema in SCHEMAS
        for _, field in _fields(schema)
        for validator in field.validators
        for choice in getattr(validator, "choices", ())
    }
    return pieces | named | listed


def _fields(schema: type[Strict]) -> Iterator[tuple[str, fields.Field[Any]]]:
    yield from instance(schema).fields.items()
