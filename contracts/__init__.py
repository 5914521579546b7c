"""What the services say to each other, as data: one JSON Schema and its examples per event type.

A producer is checked against them when it emits, a consumer must load every example. An error names
where and by which rule, never what was found there: that may be somebody's words.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Any

from jsonschema_rs import Draft202012Validator, ValidationError, ValidationErrorKind

_HERE = files(__name__)
_EVENTS = _HERE / "events"


class Violation(ValueError):
    """A document breaks its contract: at `field` (a JSON pointer), by `rule` (a keyword)."""

    def __init__(self, field: str, rule: str) -> None:
        super().__init__(f"{field or '/'} breaks {rule}")
        self.field = field
        self.rule = rule


class UnknownType(LookupError):
    """There is no contract of this type."""

    def __init__(self) -> None:
        super().__init__("no contract of this event type")


def _read(file: Traversable) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return document


def _named(folder: Traversable) -> dict[str, dict[str, Any]]:
    """The JSON documents in a folder, by file name without its end, in order of name."""
    found = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".json")), key=str)
    return {entry.name.removesuffix(".json"): _read(entry) for entry in found}


SCHEMAS: Mapping[str, dict[str, Any]] = MappingProxyType(_named(_EVENTS))
ENVELOPE: Mapping[str, Any] = MappingProxyType(_read(_HERE / "envelope.json"))
TYPES: tuple[str, ...] = tuple(SCHEMAS)


def schema(type: str) -> dict[str, Any]:
    """The JSON Schema of the `data` of one type."""
    try:
        return SCHEMAS[type]
    except KeyError:
        raise UnknownType from None


def source(type: str) -> str:
    """The one stream in which this type travels, such as `/routing/cases`."""
    return str(schema(type)["x-source"])


def types_of(source: str) -> tuple[str, ...]:
    """Every type of one stream: who hears one of them hears all, so that a gap can be seen."""
    return tuple(type for type in TYPES if SCHEMAS[type]["x-source"] == source)


def sources() -> tuple[str, ...]:
    """Every stream."""
    return tuple(sorted({str(schema["x-source"]) for schema in SCHEMAS.values()}))


def validate(type: str, data: Any) -> None:
    """Raises `Violation` unless `data` keeps the contract of `type`."""
    _check(_validator(type), data)


def validate_envelope(document: Any) -> None:
    """Raises `Violation` unless `document` is an envelope, whatever its `data` holds."""
    _check(_envelope_validator(), document)


def examples(type: str) -> dict[str, dict[str, Any]]:
    """Whole envelopes of this type as they may travel, by the name of the case they show."""
    schema(type)
    return _named(_EVENTS / "examples" / type)


@cache
def _validator(type: str) -> Draft202012Validator:
    return Draft202012Validator(schema(type), validate_formats=True)


@cache
def _envelope_validator() -> Draft202012Validator:
    return Draft202012Validator(dict(ENVELOPE), validate_formats=True)


def _check(validator: Draft202012Validator, document: Any) -> None:
    violation = _first_violation(validator, document)
    if violation is not None:
        raise violation  # out here, so that no traceback leads to an error that quotes the document


def _first_violation(validator: Draft202012Validator, document: Any) -> Violation | None:
    try:
        validator.validate(document)
    except ValidationError as error:
        return _violation(error)
    except (TypeError, ValueError):  # no JSON: a set, a key that is no text, a lone surrogate
        return Violation("", "json")
    return None


def _violation(error: ValidationError) -> Violation:
    """Where and which rule. Names are the schema's own: a sender's unknown name is not repeated."""
    steps = [str(step) for step in error.instance_path]
    if isinstance(error.kind, ValidationErrorKind.Required):
        steps.append(str(error.kind.property))
    pointer = "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)
    return Violation(pointer, error.kind.name)
