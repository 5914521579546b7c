"""Asks a running API everything that its OpenAPI document allows and forbids, with schemathesis.

The document is the kept one with an example request added to each operation. Before every call
things are put back to where a request can succeed, and what no document can say is made right in
what was generated well: which report, whose desk, codes of the lists.
"""

from __future__ import annotations

import copy
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.core.parameters import ParameterLocation
from schemathesis.engine import Status, events, from_schema
from schemathesis.hooks import GLOBAL_HOOK_DISPATCHER
from schemathesis.openapi.checks import IgnoredAuth, RejectedPositiveData

from chassis.idempotency import HEADER
from tests.harness.doors import NOTHING, Doors, Operation, Request, document, operations

SIGNATURE = "webhook-signature"
SECRETS = ("Authorization", "Tracking-Code")
LONG = 1_000  # characters
# What a pattern looks ahead for: a character of some kind anywhere in what follows, or else.
ANYWHERE = re.compile(r"\(\?=\.\*(\[[^]]+\])\)\[[^]]+\]")
AHEAD = re.compile(r"\(\?[=!][^()]*\)")


@dataclass
class Asked:
    """What came of it: failures in words, and every status that each operation answered."""

    failures: set[str] = field(default_factory=set)
    statuses: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    calls: int = 0


@dataclass
class Target:
    """What is asked: the document, where it is served, and a good request for each operation."""

    document: dict[str, Any]
    url: str
    operations: list[Operation]
    good: Callable[[Operation], Request]
    untold: frozenset[tuple[str, str]] = frozenset()  # fields, and rules that stand not in it


def lighter(target: Target) -> Target:
    """Without the pattern of long texts: to make thousands of characters after one takes seconds.
    What breaks it is then sent as if it were allowed, and refused. Nor do patterns look ahead where
    there is a largest length: one of that length is searched for half a minute, and not found. What
    may come anywhere comes first then."""
    made, untold = copy.deepcopy(target.document), set()
    for schema in made["components"]["schemas"].values():
        for name, details in schema["properties"].items():
            if details.get("maxLength", 0) >= LONG and details.pop("pattern", None):
                untold |= {(name, rule) for rule in ("characters", "length", "nul")}
            if {"pattern", "maxLength"} <= details.keys():
                details["pattern"] = AHEAD.sub("", ANYWHERE.sub(r"\1", details["pattern"]))
    return replace(target, document=made, untold=frozenset(untold))


def service(doors: Doors, name: str) -> Target:
    """The running API of a service."""
    url = doors.rooms[name].process.url
    return Target(document(name), url, operations(name), doors.good)


def ask(target: Target, *, examples: int) -> Asked:
    """Runs every phase; `examples` bounds what is made at random for each operation."""
    config = SchemathesisConfig.from_dict(configuration(target, examples))
    schema = schemathesis.openapi.from_dict(with_examples(target), config=config)
    with putting_right(target):
        return collect(from_schema(schema).execute())


def configuration(target: Target, examples: int) -> dict[str, Any]:
    """The same cases at every run; each operation has the credentials of who may use it."""
    return {
        "seed": 1,
        "base-url": target.url,
        "generation": {"deterministic": True, "no-shrink": True, "database": "none"},
        "phases": {"fuzzing": {"generation": {"max-examples": examples}}},
        "operations": [
            {"include-name": str(op), "headers": proof}
            for op in target.operations
            if (proof := credentials(target.good(op)))
        ],
    }


def credentials(good: Request) -> dict[str, str]:
    """The headers that prove who asks."""
    return {name: value for name, value in good.headers.items() if name in SECRETS}


def with_examples(target: Target) -> dict[str, Any]:
    """The document with one good request as each operation's example."""
    made = copy.deepcopy(target.document)
    for operation in target.operations:
        details = made["paths"][operation.path][operation.method.lower()]
        good = target.good(operation)
        given = {"path": good.parts, "query": good.query, "header": good.headers}
        for parameter in details["parameters"]:
            if parameter["name"] in given[parameter["in"]]:
                parameter["example"] = given[parameter["in"]][parameter["name"]]
        if good.body is not NOTHING:
            details["requestBody"]["content"]["application/json"]["example"] = good.body
    return made


@contextmanager
def putting_right(target: Target) -> Iterator[None]:
    """Makes each generated request one about things that exist, as far as it was meant well."""
    asked = {str(op): op for op in target.operations}

    def before_call(context: Any, case: Any, kwargs: Any) -> None:
        operation = asked.get(f"{case.method.upper()} {case.operation.path}")
        if operation is None:  # a method that the document does not have
            return
        fit(case, target.good(operation))

    def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
        operation = asked[str(case.operation.label)]
        return not is_beyond_a_document(operation, target.untold, failure, response)

    hooks = (before_call, filter_failure)
    for hook in hooks:
        schemathesis.hook(hook)
    try:
        yield
    finally:
        for hook in hooks:
            GLOBAL_HOOK_DISPATCHER.unregister(hook)


# Rules that depend on what is stored, on today, or on another field: no document says them.
STORED = {
    ("after", "cursor"), ("cursor", "cursor"),  # one that was given out
    ("cursor", "entry"),
    ("url", "address"),
    ("event_date", "not_future"),
    ("birth_date", "past"), ("on", "not_future"),
    ("contact", "anonymous"),
    ("class", "required"), ("category", "required"), ("class", "complaint"),  # by the case's kind
    ("kind", "change"), ("confidentiality", "change"), ("confidentiality", "anonymous"),
    ("confidentiality", "raise"), ("hidden_from_public", "raise"),  # by what it is already
    ("reason", "asked_first"),
    ("text", "substance"),
    ("agency", "required"),  # by the officer's role
    ("agency", "known"),  # that there is one of this code
    ("effective_from", "not_past"), ("day", "not_past"), ("effective_until", "range"),
    ("agency", "none"),  # by the post
    ("class", "kind"),
    ("year", "held"), *(("days", rule) for rule in ("joint_leave", "change", "not_past")),
    ("day", "year"), ("day", "unique"),
    *(("taken_back", rule) for rule in ("year", "unique", "known", "not_past")),
    ("sha256", "unique"), ("sha256", "content"),  # of what is in a file
    ("calendar", "unknown"),  # that there is none of this code
    ("after_days", "level"), ("brought_to", "level"), ("clock", "level"),
    ("after_days", "order"), ("kind", "overridden"), ("class", "overridden"),  # beside what holds
}  # fmt: skip


def is_beyond_a_document(
    operation: Operation, untold: frozenset[tuple[str, str]], failure: Any, response: Any
) -> bool:
    """Whether a request that the document allows was refused for a reason that it cannot tell, or
    one without its code as one for a report that does not exist: those look the same."""
    if isinstance(failure, RejectedPositiveData) and response.status_code in (400, 422):
        errors = response.json().get("errors", ())
        broken = {(e["field"].rpartition(".")[2], e["rule"]) for e in errors}
        return bool(broken) and broken <= STORED | untold
    if isinstance(failure, AcceptedNegativeData):
        return _was_lost(operation, failure, response.request)
    by_code = operation.security == "trackingCode" and isinstance(failure, IgnoredAuth)
    return by_code and any(f"got `{said}" in failure.message for said in ("404", "429"))


def _was_lost(operation: Operation, failure: Any, sent: Any) -> bool:
    """Whether nothing of what was wrong was sent: a parameter too many with an empty value leaves
    no trace in an address, and a missing header was put right."""
    wrong = {line.strip() for line in failure.message.splitlines() if "violates" in line}
    lost = ("- query: violates `additionalProperties`", "- header: violates `required`")
    asked = parse_qs(urlsplit(sent.url).query, keep_blank_values=True)
    secured = not operation.security or "Authorization" in sent.headers
    return (
        all(w.startswith(lost) for w in wrong)
        and secured
        and set(asked) <= set(operation.asked("query"))
    )


def fit(case: Any, good: Request) -> None:
    """Keeps what was generated to be wrong."""

    def is_wrong(place: ParameterLocation) -> bool:
        return case.meta is not None and case.meta.is_negative_at(place)

    if HEADER in (case.headers or {}) and not is_wrong(ParameterLocation.HEADER):
        case.headers[HEADER] = good.headers.get(HEADER, str(uuid4()))  # a key is for one body
    if good.parts and not is_wrong(ParameterLocation.PATH):
        case.path_parameters = dict(good.parts)
    if isinstance(case.body, dict) and not is_wrong(ParameterLocation.BODY):
        case.body = known(case.body, good.body)
        if SIGNATURE in good.headers and not is_wrong(ParameterLocation.HEADER):
            signed = {n: v for n, v in good.headers.items() if n.startswith("webhook-")}
            case.headers = {**(case.headers or {}), **signed}
            case.body = good.body  # only its own bytes are signed


CODES = ("district", "agency", "category", "number", "code", "username", "password", "supporting",
         "complains_about", "proposed_agency", "into", "new_password")  # fmt: skip


def known(body: dict[str, Any], good: Any) -> dict[str, Any]:
    """The body with the good one's codes and secrets in place of invented ones."""
    made = {}
    for name, value in body.items():
        right = good.get(name) if isinstance(good, dict) else None
        if isinstance(value, dict):
            made[name] = known(value, right)
        elif name in CODES and value:
            made[name] = right
        else:
            made[name] = value
    return made


def collect(stream: Iterator[Any]) -> Asked:
    """Reads all events of a run."""
    asked = Asked()
    for event in stream:
        if isinstance(event, events.NonFatalError):
            asked.failures.add(f"{event.label}: {event.info.format()}")
        if not isinstance(event, events.ScenarioFinished):
            continue
        for id, node in event.recorder.cases.items():
            label = f"{node.value.method.upper()} {node.value.operation.path}"
            if done := event.recorder.interactions.get(id):
                asked.calls += 1
                if done.response is not None:
                    asked.statuses[label].add(done.response.status_code)
            for check in event.recorder.checks.get(id, ()):
                if check.status is Status.FAILURE:
                    asked.failures.add(told(label, check, done))
    return asked


def told(label: str, check: Any, done: Any) -> str:
    failure = check.failure_info.failure if check.failure_info else None
    sent = f"{done.request.uri} {getattr(done.request, 'body', '')!r}"[:300] if done else ""
    got = done.response.text[:300] if done and done.response else ""
    title, words = (failure.title, failure.message[:300]) if failure else ("", "")
    return f"{label}: {check.name}: {title}: {words}\n   {sent}\n   {got}"
