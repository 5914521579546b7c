"""One OpenAPI document per service, and it says what the code does: both ways."""

import json
import re

import pytest

from deploy.local import openapi
from deploy.postgres.databases import SERVICES


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
            assert any(status < "400" for status in operation["responses"])
            assert "503" in operation["responses"]
            named = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
            assert named == set(re.findall(r"{(\w+)}", path))


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
