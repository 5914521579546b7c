"""Each API does what its OpenAPI document says, whatever is sent to it: no failure, no status, no
media type, no header and no shape that is not in the document; what it allows is taken, and what it
forbids is refused."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import falcon
import pytest
from marshmallow import fields, validate

from chassis import openapi, web
from chassis.errors import Refusal, Unauthorized
from chassis.idempotency import Dumped
from chassis.schemas import Strict
from tests.contract.asking import Asked, Target, ask, lighter, service
from tests.harness.doors import OPERATIONS, Doors, Operation, Request

SERVICES = sorted({operation.service for operation in OPERATIONS})
FEW, MANY = 3, 200  # requests that are made at random for each operation, in each mode


@pytest.mark.parametrize("name", SERVICES)
def test_an_api_keeps_to_its_document(doors: Doors, name: str) -> None:
    examine(ask(lighter(service(doors, name)), examples=FEW), name)


@pytest.mark.slow
@pytest.mark.parametrize("name", SERVICES)
def test_an_api_keeps_to_its_document_for_long(doors: Doors, name: str) -> None:
    examine(ask(service(doors, name), examples=MANY), name)


def examine(asked: Asked, name: str) -> None:
    """Nothing failed, and every operation both succeeded and refused."""
    assert not asked.failures, "\n\n".join(sorted(asked.failures))
    for operation in (op for op in OPERATIONS if op.service == name):
        statuses = asked.statuses[str(operation)]
        assert any(200 <= status < 300 for status in statuses), f"{operation} never succeeded"
        takes = operation.has_body or operation.details["parameters"] or operation.security
        refused = any(400 <= status < 500 for status in statuses)
        assert refused or not takes, f"{operation} refused nothing"


class Rating(Strict):
    """What the scratch operation takes."""

    stars = fields.Integer(required=True, strict=True, validate=validate.Range(1, 5))


class Noted(Strict):
    """And gives."""

    number = fields.String(required=True)


NOTED = {"number": "KTB-12345-67890"}
KEY = "Bearer the-right-key-of-this-place"


def described(**more: Any) -> Any:
    """The scratch operation's decorator."""
    told = {"body": Rating, "answers": {200: Noted}, "errors": (429,), "security": "officer"}
    return web.operation("Rate", **told | more)


def admitted(req: falcon.Request) -> None:
    if req.auth != KEY:
        raise Unauthorized("sign in first")


class Sound:
    """Does what it says."""

    @described()
    def on_post(self, req: falcon.Request, body: Any) -> Any:
        admitted(req)
        return NOTED


class Failing:
    @described()
    def on_post(self, req: falcon.Request, body: Any) -> Any:
        admitted(req)
        return {"number": 5 // (body["stars"] - 5)}


class Otherwise:
    """Answers with a status of its own."""

    @described()
    def on_post(self, req: falcon.Request, body: Any) -> Any:
        admitted(req)
        return web.Answer(NOTED, 203)


class Shapeless:
    @described()
    def on_post(self, req: falcon.Request, body: Any) -> Any:
        admitted(req)
        return Dumped({"numbers": []})


class Doorless:
    """Asks nobody who they are."""

    @described()
    def on_post(self, req: falcon.Request, body: Any) -> Any:
        return NOTED


class Waitless:
    """Does not say when to come again."""

    @described()
    def on_post(self, req: falcon.Request, body: Any) -> Any:
        admitted(req)
        error = Refusal("too often")
        error.status = 429
        raise error


class Lax:
    """Takes anything."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        web.read_json(req)
        admitted(req)
        resp.media = NOTED

    on_post.operation = Sound.on_post.operation  # type: ignore[attr-defined]


class Strictest:
    """Refuses what its document allows."""

    @described()
    def on_post(self, req: falcon.Request, body: Any) -> Any:
        admitted(req)
        if body["stars"] == 1:
            error = Refusal("too few")
            error.status = 422
            raise error
        return NOTED


class Anyhow:
    """Takes every method, not only those in its document."""

    @described()
    def on_post(self, req: falcon.Request, body: Any) -> Any:
        admitted(req)
        return NOTED

    def on_delete(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.media = NOTED


BROKEN = {
    Failing: "not_a_server_error",
    Otherwise: "status_code_conformance",
    Shapeless: "response_schema_conformance",
    Doorless: "ignored_auth",
    Waitless: "response_headers_conformance",
    Lax: "negative_data_rejection",
    Strictest: "positive_data_acceptance",
    Anyhow: "allow_header_conformance",
}


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@contextmanager
def served(resource: Any) -> Iterator[Target]:
    """A scratch application with one operation, and its document."""
    routes = {"/v1/ratings": resource()}
    raw = openapi.describe("scratch", routes, {"officer": {"type": "http", "scheme": "bearer"}})
    with make_server("127.0.0.1", 0, web.app("scratch", routes), handler_class=Quiet) as server:
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        details = raw["paths"]["/v1/ratings"]["post"]
        only = Operation("scratch", "POST", "/v1/ratings", details)
        good = Request(only, headers={"Authorization": KEY}, body={"stars": 3})
        yield Target(raw, f"http://127.0.0.1:{server.server_port}", [only], lambda _: good)
        server.shutdown()


@pytest.mark.parametrize("resource", BROKEN, ids=lambda r: r.__name__)
def test_an_operation_that_is_broken_on_purpose_is_caught(resource: Any) -> None:
    """The negative control: for each promise an API that breaks it."""
    with served(resource) as target:
        asked = ask(target, examples=10)

    assert {failure.split(": ")[1] for failure in asked.failures} >= {BROKEN[resource]}


def test_an_operation_that_is_sound_is_found_to_be() -> None:
    with served(Sound) as target:
        asked = ask(target, examples=10)

    assert asked.failures == set()
    assert {200, 401, 415, 422} <= asked.statuses["POST /v1/ratings"]
