"""Whoever reads a refusal knows by its rule what to do, and finds that rule in the document."""

import ast
import json
import re
from pathlib import Path

import pytest

from chassis.openapi import ErrorField
from deploy.local import openapi

ROOT = Path(__file__).resolve().parents[2]
# What only a clock, an event or somebody at the machine is refused: nobody reads a problem there.
NOT_ASKED_BY_HTTP = {
    "accept", "auto_close", "check_name", "disagree", "erase_one", "give_up", "release", "switch",
    "withdraw",
}  # fmt: skip


def refusals(kinds: set[str]) -> list[tuple[str, str, ast.Call]]:
    """Each call of one of these in the services: where, in which function, and the call."""
    found = []
    for path in sorted((ROOT / "services").rglob("*.py")):
        tree = ast.parse(path.read_text())
        for function in (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)):
            for call in (n for n in ast.walk(function) if isinstance(n, ast.Call)):
                if getattr(call.func, "id", None) in kinds:
                    where = f"{path.relative_to(ROOT)}:{call.lineno}"
                    found.append((where, function.name, call))
    return found


def test_every_409_says_by_a_rule_whether_to_wait_or_to_give_up():
    calls = refusals({"NotAllowed", "TooLate", "OthersFollow"})
    silent = {
        (where, function)
        for where, function, call in calls
        if len(call.args) < 3 and "errors" not in {k.arg for k in call.keywords}
    }

    assert len(calls) > len(silent)
    assert {where for where, function in silent if function not in NOT_ASKED_BY_HTTP} == set()


COMMON = set(re.findall(r"`(\w+)`", ErrorField.__doc__ or ""))  # what any operation may answer


def literal(call: ast.Call) -> set[str]:
    """The rules that a call names by themselves."""
    given = [*call.args[2:3], *(k.value for k in call.keywords if k.arg == "rule")]
    return {one.value for one in given if isinstance(one, ast.Constant)}


@pytest.mark.parametrize("service", ["intake", "routing", "escalation"])
def test_each_rule_of_a_service_is_told_by_an_operation_that_may_break_it(service: str):
    document = json.loads((openapi.FOLDER / f"{service}.json").read_text())
    told = " ".join(
        operation["description"]
        for path in document["paths"].values()
        for operation in path.values()
    )
    calls = refusals({"Invalid", "NotAllowed", "FieldError"})
    raised = {
        rule
        for where, function, call in calls
        if where.startswith(f"services/{service}/") and function not in NOT_ASKED_BY_HTTP
        for rule in literal(call) - COMMON
    }

    assert raised
    assert {rule for rule in raised if f"`{rule}`" not in told} == set()


def test_whoever_asks_for_a_cases_limits_right_after_the_receipt_is_told_to_ask_again():
    intake, escalation = (
        json.loads((openapi.FOLDER / f"{service}.json").read_text())
        for service in ("intake", "escalation")
    )
    linked = intake["components"]["schemas"]["Links"]["description"]
    asked = [
        escalation["paths"][f"/v1/cases/{{number}}/{name}"]["get"]["description"]
        for name in ("deadlines", "explain")
    ]

    assert all("404 also while the case is not known" in said for said in (linked, *asked)), asked
