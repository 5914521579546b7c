"""One OpenAPI document per service, and it says what the code does: both ways."""

import csv
import json
import re

import pytest
from jsonschema_rs import Draft202012Validator

from chassis import openapi as openapi_of_chassis
from chassis.errors import Refusal
from chassis.openapi import Key, Problem
from deploy.local import openapi
from deploy.local.environment import ROOT
from deploy.postgres.databases import SERVICES
from services.intake.domain import is_reachable
from services.intake.examples import NEW_REPORT

REFERENCE = r'"#/components/schemas/(\w+)"'
KINDS = [k for k in Refusal.__subclasses__() if k.__module__ == "chassis.errors"]


@pytest.fixture(scope="module")
def made():
    return openapi.documents()


@pytest.mark.parametrize("service", SERVICES)
def test_the_document_is_what_the_code_says(made, service):
    kept = openapi.FOLDER / f"{service}.json"

    assert kept.exists(), "run ./lapor openapi"
    assert kept.read_text() == made[service], "the interface has changed: run ./lapor openapi"


@pytest.mark.parametrize("service", SERVICES)
def test_every_operation_says_what_it_takes_gives_and_refuses(made, service):
    for path, operations in json.loads(made[service]).get("paths", {}).items():
        assert operations, f"{path} has no operation"
        for operation in operations.values():
            assert operation["summary"]
            assert operation["description"]
            assert any(status < "400" for status in operation["responses"])
            assert "503" in operation["responses"]
            named = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
            assert named == set(re.findall(r"{(\w+)}", path))


@pytest.mark.parametrize("service", SERVICES)
def test_every_schema_says_what_it_is(made, service):
    schemas = json.loads(made[service]).get("components", {}).get("schemas", {})

    assert [name for name, schema in schemas.items() if not schema.get("description")] == []


def answered(document):
    """The names of the schemas that are answered with, and of those within them."""
    schemas, named = document["components"]["schemas"], set()
    answers = [
        answer
        for operations in document["paths"].values()
        for operation in operations.values()
        for status, answer in operation["responses"].items()
        if status < "400"
    ]
    found = set(re.findall(REFERENCE, json.dumps(answers)))
    while found - named:
        named |= found
        found = {n for name in named for n in re.findall(REFERENCE, json.dumps(schemas[name]))}
    return named


@pytest.mark.parametrize("service", ["intake", "routing", "escalation"])
def test_a_client_may_count_on_every_field_of_an_answer(made, service):
    document = json.loads(made[service])
    schemas = document["components"]["schemas"]
    names = answered(document)

    assert names
    assert {
        f"{name}.{field}"
        for name in names
        for field in schemas[name].get("properties", {})
        if field not in schemas[name].get("required", [])
    } == set()


def test_an_example_is_one_of_its_schema(made):
    shown = set()
    for document in map(json.loads, made.values()):
        components = document.get("components", {})
        for name, schema in components.get("schemas", {}).items():
            whole = {"$ref": f"#/components/schemas/{name}", "components": components}
            valid = Draft202012Validator(whole, validate_formats=True)
            for example in schema.get("examples", []):
                valid.validate(example)
                shown.add(name)

    assert shown == {"NewReport", "Problem", "Receipt", "Timeline"}


def test_whoever_copies_the_example_sends_what_is_taken_and_is_told_of_news():
    folder, known = ROOT / "data" / "kotabaru", {}
    for name in ("categories", "districts"):
        with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as lines:
            known[name] = {row["code"]: row["name"] for row in csv.DictReader(lines)}

    assert "Penerangan jalan" in known["categories"][NEW_REPORT["category"]]
    assert NEW_REPORT["place"]["district"] in known["districts"]
    assert is_reachable(NEW_REPORT["contact"])


def test_a_problem_says_which_codes_there_are():
    by_others = {"internal", "gateway", "method_not_allowed", "unsupported_media_type"}
    codes = {kind.code for kind in KINDS} | by_others

    assert all(f"`{code}`" in (Problem.__doc__ or "") for code in codes)


def test_whoever_was_not_answered_in_time_is_told_that_it_may_be_done():
    caddyfile = (ROOT / "deploy" / "gateway" / "Caddyfile").read_text()
    [waits] = re.findall(r"response_header_timeout (\d+)s", caddyfile)

    assert f"({waits} s), it may be done all the same" in openapi_of_chassis.REFUSED[503]
    assert "on 503 and on no answer send it with the key" in " ".join(Key.__doc__.split())


def test_no_two_services_answer_at_one_address(made):
    addresses = [p for document in made.values() for p in json.loads(document).get("paths", {})]

    assert len(addresses) == len(set(addresses))


def test_no_secret_travels_in_an_address(made):
    """A `code` is a secret of intake's only; elsewhere it names an agency."""
    for service, document in made.items():
        secret = {"token", "password", "key", "secret"} | (
            {"code"} if service == "intake" else set()
        )
        for operations in json.loads(document).get("paths", {}).values():
            for operation in operations.values():
                asked = {p["name"] for p in operation["parameters"] if p["in"] in ("query", "path")}
                assert asked.isdisjoint(secret)
