"""An error names the place and the rule; what stood there is nobody's business but its owner's."""

from __future__ import annotations

import traceback
from typing import Any

import pytest

import contracts

CANARY = "Budi-6302121506800001"
SUPPLEMENT = contracts.examples("report.supplemented.v1")["of_ones_own_accord"]["data"]


@pytest.mark.parametrize(
    ("change", "field", "rule"),
    [
        ({"at": CANARY}, "/at", "pattern"),
        ({CANARY: 1}, "", "additionalProperties"),
        ({"text": [CANARY]}, "/text", "type"),
        ({"text": {CANARY: CANARY}}, "/text", "type"),
        ({"text": CANARY * 1000}, "/text", "maxLength"),
        ({"text": CANARY + "\ud800"}, "", "json"),
        ({"text": {CANARY}}, "", "json"),
        ({(CANARY, 1): 1}, "", "json"),
    ],
    ids=["value", "name", "list", "object", "length", "surrogate", "set", "key"],
)
def test_a_violation_never_repeats_what_it_found(
    change: dict[Any, Any], field: str, rule: str
) -> None:
    with pytest.raises(contracts.Violation) as caught:
        contracts.validate("report.supplemented.v1", SUPPLEMENT | change)

    violation = caught.value
    assert (violation.field, violation.rule) == (field, rule)
    assert CANARY not in "".join(traceback.format_exception(violation))
    assert violation.__context__ is None  # nothing to print for a logger that follows causes


def test_a_missing_field_is_named() -> None:
    data = {name: value for name, value in SUPPLEMENT.items() if name != "text"}

    with pytest.raises(contracts.Violation, match=r"^/text breaks required$"):
        contracts.validate("report.supplemented.v1", data)


def test_an_unknown_type_is_not_repeated() -> None:
    with pytest.raises(contracts.UnknownType) as caught:
        contracts.validate(CANARY, {})

    assert CANARY not in "".join(traceback.format_exception(caught.value, chain=True))
