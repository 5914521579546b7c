"""No event can carry who somebody is; and the rule that says so would notice."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from pathlib import Path

import pytest

import contracts
from tests.contract.privacy import ALLOWED, SHORT, WORDY, findings, longest_words
from tests.contract.walk import Schema, properties

OPENAPI = Path(__file__).parents[2] / "contracts" / "openapi"
# What may not even stand in an example: addresses of mailboxes, numbers of telephones and people.
LOOKS_PERSONAL = re.compile(r"[\w.]+@[\w.]+|(?<!\d)(?:\+62|0)8\d{7,}|(?<!\d)\d{16}(?!\d)")
NOBODYS = "pelapor@contoh.example"  # RFC 2606: the example of a report is told of its news there


@pytest.mark.parametrize("type", contracts.TYPES)
def test_a_contract_has_no_place_for_personal_data(type: str) -> None:
    assert list(findings(type, contracts.schema(type))) == []


def test_the_envelope_has_no_place_for_personal_data() -> None:
    known = {"specversion", "datacontenttype", "id", "source", "type", "subject", "time"}

    assert set(contracts.ENVELOPE["required"]) == known | {"sequence", "correlationid", "data"}


def test_long_words_travel_in_two_streams_only() -> None:
    long = {t for t in contracts.TYPES if longest_words(contracts.schema(t)) > SHORT}

    assert {contracts.source(type) for type in long} == WORDY


def test_every_exception_is_needed_and_has_a_reason() -> None:
    for (type, name), reason in ALLOWED.items():
        paths = [path for path, _ in properties(contracts.schema(type))]
        assert any(path.rsplit("/", 1)[-1] == name for path in paths), (type, name)
        assert len(reason) > 20


@pytest.mark.parametrize("type", contracts.TYPES)
def test_no_example_looks_like_somebody(type: str) -> None:
    for case, document in contracts.examples(type).items():
        data = {name: value for name, value in document["data"].items() if name != "sealed"}
        assert not LOOKS_PERSONAL.search(json.dumps(data)), case


@pytest.mark.parametrize("document", sorted(OPENAPI.glob("*.json")), ids=lambda d: d.stem)
def test_no_description_of_an_api_looks_like_somebody(document: Path) -> None:
    told = document.read_text(encoding="utf-8").replace(NOBODYS, "")

    assert not LOOKS_PERSONAL.search(told)


@pytest.mark.parametrize(
    "planted",
    [
        "name", "full_name", "nik", "email", "phone", "address", "ip", "user_agent", "contact",
        "reporter", "reporter_ref", "contacts", "emailAddress", "phone_number", "officer",
        "tracking_code", "place_of_birth", "client_ip",
    ],
)  # fmt: skip
def test_a_planted_field_is_caught(planted: str) -> None:
    schema = _with(contracts.schema("case.closed.v1"), planted, {"type": "integer"})

    assert any(f"/{planted} is named" in finding for finding in findings("case.closed.v1", schema))


@pytest.mark.parametrize("format", ["email", "idn-email", "ipv4", "ipv6", "hostname", "uri"])
def test_a_planted_format_is_caught(format: str) -> None:
    planted = {"type": "string", "format": format, "enum": ["x"]}
    schema = _with(contracts.schema("case.closed.v1"), "detail", planted)

    assert any("/detail has the format" in f for f in findings("case.closed.v1", schema))


@pytest.mark.parametrize("type", ["case.closed.v1", "message.delivered.v1", "deadline.passed.v1"])
def test_planted_words_are_caught(type: str) -> None:
    planted = {"type": ["string", "null"], "maxLength": 40}
    schema = _with(contracts.schema(type), "remark", planted)

    assert any("/remark takes anybody's words" in finding for finding in findings(type, schema))


def test_a_field_planted_deep_is_caught() -> None:
    schema = deepcopy(contracts.schema("calendar.published.v1"))
    schema["properties"]["days"]["items"]["properties"]["email"] = {"type": "string"}

    assert len(list(findings("calendar.published.v1", schema))) == 2


def test_an_exception_holds_for_its_own_contract_only() -> None:
    schema = _with(contracts.schema("case.closed.v1"), "agency", {"type": "integer"})

    assert len(list(findings("case.closed.v1", schema))) == 1


def _with(schema: Schema, name: str, child: Schema) -> Schema:
    planted = deepcopy(schema)
    planted["properties"][name] = child
    return planted
