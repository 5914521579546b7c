"""A service's OpenAPI document, made from the operations that its routes really have."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import Schema, fields

from chassis.errors import Refusal
from chassis.idempotency import HEADER
from chassis.web import BODY_LIMIT, PROBLEM, Operation

Schemes = Mapping[str, Mapping[str, str]]
VERBS = ("get", "post", "put", "patch", "delete")
HEADERS = {401: "WWW-Authenticate", 409: "Retry-After", 429: "Retry-After", 503: "Retry-After"}
REFUSED = {k.status: " ".join((k.__doc__ or "").split()) for k in Refusal.__subclasses__()}
REFUSED[415] = "The body is not sent as application/json."


class Key:
    """Made up by the client, another one for each thing that shall happen once. The same key with
    the same body gets the same answer for 24 hours, and nothing happens twice. Without it, or after
    24 hours, what is sent again happens again: on 503 and on no answer send it with the key. With
    another body it is refused (422, rule `same_body`). While the first request is still at work,
    too (409, rule `in_hand`): send it again in a second."""


class ErrorField(Schema):
    """One thing that is wrong with the request. `field`: where, by its path (`place.district`, or
    the name of a header). `rule`: a stable word for what is broken: `required`, `unknown` (there is
    no such field), `not_null`, `one_of`, `range`, `length`, `characters`, `type`, `format`,
    `invalid`, or one of the operation's own. `message`: the same for people, in English; what
    a reporter may have to read in person is told in Indonesian and English, parted by ` / `. Its
    wording may change."""

    field = fields.String(required=True)
    rule = fields.String(required=True)
    message = fields.String(required=True)


class Problem(Schema):
    """Why a request was refused (RFC 9457). `code` is a stable word for it: `malformed`,
    `unauthorized`, `forbidden`, `not_found`, `not_allowed`, `too_large`, `invalid`, `too_many`,
    `unavailable`, `internal`, `method_not_allowed`, `unsupported_media_type`, `gateway` (what
    stands before the services could not pass it on), or a closer one; who does not know it goes by
    `status`. `type` is the same as a URN, `title` says it for people. `instance` names this one
    refusal, to be told to the operator. `errors` is there when single fields are wrong."""

    example: ClassVar[dict[str, Any]] = {
        "type": "urn:problem-type:invalid",
        "title": "the request breaks the rules of these fields",
        "status": 422,
        "code": "invalid",
        "instance": "urn:uuid:0b4a3f5e-6f0e-4c1d-9a57-2f6d1f0c8e11",
        "errors": [{"field": "place.district", "rule": "known", "message": "no such code"}],
    }

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    code = fields.String(required=True)
    instance = fields.String(required=True)
    errors = fields.List(fields.Nested(ErrorField))


class Described(MarshmallowPlugin):
    """A component says what its class promises: the docstring, and its `example` if it has one."""

    def schema_helper(self, name: str, _: Any, **more: Any) -> Any:  # type: ignore[override]
        """The JSON Schema of a component."""
        made = super().schema_helper(name, _, **more)  # type: ignore[no-untyped-call]
        schema = more["schema"]
        shown = {"examples": [schema.example]} if hasattr(schema, "example") else {}
        return {**made, **_said(schema), **shown}


def describe(name: str, routes: Mapping[str, Any], security: Schemes) -> dict[str, Any]:
    """The document of the service `name`; `security` holds its OpenAPI security schemes."""
    spec = APISpec(
        title=f"LAPOR! {name}",
        version="1.0.0",
        openapi_version="3.1.0",
        plugins=[Described()],
        servers=[{"url": "/api"}],
    )
    for scheme, details in security.items():
        spec.components.security_scheme(scheme, dict(details))
    for template, resource in sorted(routes.items()):
        found = {v: getattr(resource, f"on_{v}", None) for v in VERBS}
        described = {v: r for v, r in found.items() if hasattr(r, "operation")}
        spec.path(
            path=re.sub(r"{(\w+):[^}]+}", r"{\1}", template),
            operations={v: _operation(template, r, security) for v, r in described.items()},
        )
    document: dict[str, Any] = spec.to_dict()
    return document


def _said(by: Any) -> dict[str, str]:
    return {"description": " ".join(by.__doc__.split())} if by.__doc__ else {}


def _operation(template: str, responder: Any, security: Schemes) -> dict[str, Any]:
    op: Operation = responder.operation
    parameters: list[Any] = [
        {"in": "path", "name": n, "required": True, "schema": {"type": "string", "maxLength": 100}}
        for n in re.findall(r"{(\w+)", template)
    ]
    if op.query:
        parameters.append({"in": "query", "schema": op.query})
    if op.idempotent:
        key = {"type": "string", "minLength": 16, "maxLength": 128, "pattern": "^[\\x21-\\x7e]+$"}
        required = op.idempotent == "required"
        told = {"in": "header", "name": HEADER, "required": required, "schema": key}
        parameters.append(told | _said(Key))
    described: dict[str, Any] = {"summary": op.summary, **_said(responder)}
    described["parameters"] = parameters
    if op.body:
        described["requestBody"] = {
            "required": True,
            "description": f"at most {BODY_LIMIT} bytes",
            "content": {"application/json": {"schema": op.body}},
        }
    if op.security:
        described["security"] = [{op.security: []}]
    described["responses"] = {str(s): _answer(schema) for s, schema in op.answers.items()}
    for status in _errors(op, security):
        refused: dict[str, Any] = {"description": REFUSED[status]}
        refused["content"] = {PROBLEM: {"schema": Problem}}
        described["responses"][str(status)] = refused
        if (header := HEADERS.get(status)) and (op.idempotent or status != 409):
            told = {"required": status != 409, "schema": {"type": "string"}}  # where that helps
            refused["headers"] = {header: told}
    return described


def _answer(schema: Any) -> dict[str, Any]:
    if schema is None:
        return {"description": "Done"}
    also: dict[str, Any] = {media_type: {} for media_type in getattr(schema, "also", ())}
    return {"description": "Done", "content": {"application/json": {"schema": schema}, **also}}


def _errors(op: Operation, security: Schemes) -> list[int]:
    errors = {*op.errors, 404, 503}
    errors |= {400, 413, 415, 422} if op.body else set()
    errors |= {422} if op.query else set()
    errors |= {409, 422} if op.idempotent else set()
    if op.security and security[op.security]["type"] == "http":
        errors |= {401}  # a key in a header of its own is no such scheme: a wrong one finds nothing
    return sorted(errors)
