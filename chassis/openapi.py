"""A service's OpenAPI document, made from the operations that its routes really have."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import Schema, fields

from chassis.idempotency import HEADER
from chassis.web import BODY_LIMIT, PROBLEM, Operation

Schemes = Mapping[str, Mapping[str, str]]
VERBS = ("get", "post", "put", "patch", "delete")
HEADERS = {401: "WWW-Authenticate", 429: "Retry-After", 503: "Retry-After"}


class ErrorField(Schema):
    """Where and why."""

    field = fields.String(required=True)
    rule = fields.String(required=True)
    message = fields.String(required=True)


class Problem(Schema):
    """RFC 9457 problem details."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    code = fields.String(required=True)
    instance = fields.String(required=True)
    errors = fields.List(fields.Nested(ErrorField))


def describe(name: str, routes: Mapping[str, Any], security: Schemes) -> dict[str, Any]:
    """The document of the service `name`; `security` holds its OpenAPI security schemes."""
    spec = APISpec(
        title=f"LAPOR! {name}",
        version="1.0.0",
        openapi_version="3.1.0",
        plugins=[MarshmallowPlugin()],
        servers=[{"url": "/api"}],
    )
    for scheme, details in security.items():
        spec.components.security_scheme(scheme, dict(details))
    for template, resource in sorted(routes.items()):
        found = {v: getattr(resource, f"on_{v}", None) for v in VERBS}
        described = {v: getattr(r, "operation", None) for v, r in found.items()}
        spec.path(
            path=re.sub(r"{(\w+):[^}]+}", r"{\1}", template),
            operations={v: _operation(template, op, security) for v, op in described.items() if op},
        )
    document: dict[str, Any] = spec.to_dict()
    return document


def _operation(template: str, op: Operation, security: Schemes) -> dict[str, Any]:
    parameters: list[Any] = [
        {"in": "path", "name": n, "required": True, "schema": {"type": "string", "maxLength": 100}}
        for n in re.findall(r"{(\w+)", template)
    ]
    if op.query:
        parameters.append({"in": "query", "schema": op.query})
    if op.idempotent:
        key = {"type": "string", "minLength": 16, "maxLength": 128, "pattern": "^[\\x21-\\x7e]+$"}
        required = op.idempotent == "required"
        parameters.append({"in": "header", "name": HEADER, "required": required, "schema": key})
    described: dict[str, Any] = {"summary": op.summary, "parameters": parameters}
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
        refused: dict[str, Any] = {"description": "Refused"}
        refused["content"] = {PROBLEM: {"schema": Problem}}
        described["responses"][str(status)] = refused
        if header := HEADERS.get(status):
            refused["headers"] = {header: {"required": True, "schema": {"type": "string"}}}
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
