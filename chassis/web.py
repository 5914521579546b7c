"""The HTTP side: what every operation of every service has, so that none can forget it.

An operation says what it takes and gives; from that come the strict reading, the answer, the
errors (RFC 9457, never showing the inside), the measure, and the OpenAPI document.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial, wraps
from typing import Any
from uuid import uuid4

import falcon
from marshmallow import Schema
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from chassis import metrics, strict_json
from chassis.database import again, is_away
from chassis.errors import Malformed, NotFound, Refusal, TooLarge, Unavailable
from chassis.events import correlate
from chassis.idempotency import HEADER, Dumped, IdempotencyKey, NoKey
from chassis.logs import cause, log
from chassis.schemas import instance, load
from chassis.written import joined

BODY_LIMIT = 64 * 1024  # bytes
PROBLEM = "application/problem+json"
_NAME = re.compile(r"[A-Za-z_-]{1,40}[0-9]{0,3}|[0-9]{0,2}")  # of a field, or a place in a list


@dataclass(frozen=True)
class Operation:
    """What a responder takes and gives. `answers` maps a status to its schema, success first;
    `errors` are the further statuses it may give; `security` names its OpenAPI scheme."""

    summary: str
    body: type[Schema] | None = None
    query: type[Schema] | None = None
    answers: Mapping[int, type[Schema] | None] = field(default_factory=dict)
    errors: tuple[int, ...] = ()
    idempotent: str = ""  # "", "optional" or "required"
    security: str = ""


@dataclass(frozen=True)
class Answer:
    """An answer that needs more than its data: another status, or headers."""

    data: Any = None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def operation(summary: str, **what: Any) -> Callable[[Any], Any]:
    """Makes a responder of `on_x(self, req, [path parameters], [body], [query], [key])`, which
    returns its answer as a dict, an `Answer`, or None. It may raise any Refusal. The body runs
    again when the database undid its transaction for concurrency."""
    described = Operation(summary, **what)

    def decorate(responder: Any) -> Any:
        @wraps(responder)
        def respond(self: Any, req: falcon.Request, resp: falcon.Response, **params: str) -> None:
            _refuse_odd(params)
            taken = _taken(described, req, params)
            answer = again(partial(responder, self, req, **params, **taken))
            _give(described, answer, resp)

        respond.operation = described  # type: ignore[attr-defined]
        return respond

    return decorate


def app(name: str, routes: Mapping[str, Any], *, pepper: bytes = b"") -> falcon.App[Any, Any]:
    """The WSGI application of a service: its `routes` (template to resource), with `pepper` for
    the answers that idempotency keeps."""
    made = falcon.App(middleware=[_Around(name, pepper)], cors_enable=False)
    made.req_options.strip_url_path_trailing_slash = False
    made.add_error_handler(Exception, _failed)
    made.add_error_handler(Refusal, _refused)
    made.add_error_handler(falcon.HTTPError, _by_falcon)
    for template, resource in routes.items():
        made.add_route(template, resource)
    return made


def _refuse_odd(params: Mapping[str, str]) -> None:
    if not all(joined(value).isprintable() and len(value) <= 100 for value in params.values()):
        raise NotFound("there is nothing at this address")


def _taken(op: Operation, req: falcon.Request, params: Mapping[str, str]) -> dict[str, Any]:
    taken: dict[str, Any] = {}
    document = read_json(req) if op.body else None
    if op.idempotent:
        taken["key"] = _key(op, req, document)
    if op.body:
        taken["body"] = load(op.body, document)
    if op.query:
        taken["query"] = load(op.query, dict(req.params))
    return taken


def read_json(req: falcon.Request) -> Any:
    """The body, strictly decoded (its bytes stay in `req.context.raw`); reads no further than
    `BODY_LIMIT`."""
    media_type = (req.content_type or "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise falcon.HTTPUnsupportedMediaType(description="send application/json")
    if (req.content_length or 0) > BODY_LIMIT:
        raise _too_large()
    chunked = req.content_length is None
    raw = req.context.raw = (req.stream if chunked else req.bounded_stream).read(BODY_LIMIT + 1)
    if len(raw) > BODY_LIMIT:
        raise _too_large()
    if not raw:
        raise Malformed("there is no body")
    return strict_json.loads(raw)


def _too_large() -> TooLarge:
    return TooLarge(f"the body is longer than {BODY_LIMIT} bytes")


def _key(op: Operation, req: falcon.Request, document: Any) -> IdempotencyKey | NoKey:
    given = req.get_header(HEADER)
    if given is None and op.idempotent == "optional":
        return NoKey()
    sender = f"{req.auth or ''} {req.get_header('Tracking-Code') or ''}"
    route = f"{req.method} {req.path}"
    pepper, dump = req.context.pepper, partial(_dump, op)
    return IdempotencyKey(given or "", route, sender, document, pepper, dump)


def _dump(op: Operation, data: Any) -> Any:
    schema = next(iter(op.answers.values()), None)
    return data if schema is None or isinstance(data, Dumped) else instance(schema).dump(data)


def _give(op: Operation, answer: Any, resp: falcon.Response) -> None:
    given = answer if isinstance(answer, Answer) else Answer(answer)
    resp.status = given.status or next(iter(op.answers), 204)
    resp.set_headers(dict(given.headers))
    if given.data is not None:
        resp.media = _dump(op, given.data)


class _Around:
    """Before and after every request: the chain of causes, the measure, the headers."""

    def __init__(self, name: str, pepper: bytes) -> None:
        self._name, self._pepper = name, pepper

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        req.context.pepper = self._pepper
        req.context.started = time.perf_counter()
        correlate()

    def process_response(
        self, req: falcon.Request, resp: falcon.Response, resource: Any, succeeded: bool
    ) -> None:
        if (req.content_length or 0) <= BODY_LIMIT:
            req.bounded_stream.exhaust()  # on an unread body the server hangs up, on the gateway
        resp.set_header("Cache-Control", "no-store")
        resp.set_header("X-Content-Type-Options", "nosniff")
        status = int(str(resp.status)[:3])
        outcome = "ok" if status < 400 else "expected" if status < 500 else "error"
        method = req.method if req.method in falcon.HTTP_METHODS else "other"
        took = time.perf_counter() - req.context.started
        metrics.HTTP.labels(self._name, req.uri_template or "none", method, outcome).observe(took)


def _problem(
    resp: falcon.Response, status: int, code: str, title: str, errors: Any = None
) -> dict[str, Any]:
    problem: dict[str, Any] = {"type": f"urn:problem-type:{code}", "title": title, "status": status}
    problem |= {"code": code, "instance": f"urn:uuid:{uuid4()}"}
    if errors:
        problem["errors"] = [error | {"field": _shown(error["field"])} for error in errors]
    resp.status, resp.content_type = status, PROBLEM
    resp.data = json.dumps(problem).encode()
    return problem


def _shown(field: str) -> str:
    """A field by its path; a name that could be anybody's (a client chose it) is not repeated."""
    return ".".join(part if _NAME.fullmatch(part) else "?" for part in field.split("."))[:100]


def _refused(req: falcon.Request, resp: falcon.Response, error: Any, params: Any) -> None:
    _problem(resp, error.status, error.code, error.message, error.errors)
    if wait := getattr(error, "retry_after", None):
        resp.set_header("Retry-After", str(wait))
    if error.status == 401:
        resp.set_header("WWW-Authenticate", "Bearer")


def _by_falcon(req: falcon.Request, resp: falcon.Response, error: Any, params: Any) -> None:
    resp.set_headers(error.headers or {})
    status = falcon.http_status_to_code(error.status)
    _problem(resp, status, error.status[4:].lower().replace(" ", "_"), error.status[4:])


def _failed(req: falcon.Request, resp: falcon.Response, error: Any, params: Any) -> None:
    """The database is away or overrun: 503. Anything else is our fault: 500, saying nothing."""
    if isinstance(error, PoolTimeout) or (isinstance(error, DBAPIError) and _passes(error)):
        _refused(req, resp, Unavailable("the service cannot answer for the moment"), params)
        return
    told = _problem(resp, 500, "internal", "this should not have happened")
    log.error("request_failed", instance=told["instance"], route=req.uri_template, **cause(error))


def _passes(error: DBAPIError) -> bool:
    code = getattr(error.orig, "pgcode", None) or ""
    return is_away(error) or code.startswith(("40", "53", "55", "57"))
