"""What the source could tell of somebody: log lines, measures, columns, addresses, errors.

Read without running it. A name that points at a person (`privacy.DENIED`) may not stand in what is
said there; `KNOWN` holds the exceptions, each with its reason.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from chassis.logs import KEYS
from tests.contract.privacy import is_denied

ROOT = Path(__file__).parents[2]
LEVELS = {"debug", "info", "warning", "error", "critical", "exception"}
METRICS = {"Counter", "Gauge", "Histogram"}
WHOLE = {"body", "document", "contact", "values", "headers", "params", "raw", "args"}
OURS = {"name", "_name", "__name__", "method_name", "service_name"}  # of code, not of people
CODE = "the code of an office or of a list, never a person's"
SEALED = "ciphertext, or a keyed digest, that nobody else can read"
OFFICER = "an officer's account, whose deeds are on file by law; never a reporter's"
KNOWN = {
    ("log", "name"): "the name of a method that a timer woke",
    ("column", "agency"): CODE,
    ("column", "place"): "where it happened, in the two services that read reports",
    ("column", "identity"): SEALED,
    ("column", "sealed"): SEALED,
    ("column", "sealed_at"): "when, not what",
    ("column", "sealed_to"): "the id of a public key",
    ("column", "contact_given"): "whether one was sealed, not what is in it",
    ("column", "password_hash"): "argon2id",
    ("column", "must_change_password"): "whether, not which",
    ("column", "token_hash"): "a digest of 256 random bits",
    ("column", "device_hash"): "a digest of 256 random bits",
    ("column", "username_hash"): "two bytes: thousands of names share them",
    ("column", "username"): OFFICER,
    ("column", "officer_id"): OFFICER,
    ("column", "name"): "what an office, a district or a category is called",
    ("column", "name_source"): "where the name of an office is from",
    ("column", "default_agency"): CODE,
    ("column", "named_agency"): CODE,
    ("column", "villages"): "how many a district has",
    ("column", "signature"): "the feed's own, over its entries",
    ("address", "agency"): CODE,
    ("address", "username"): OFFICER,
}


def sources(root: Path = ROOT) -> list[Path]:
    """What runs: the chassis and the services, rooms within a service too, bar migrations."""
    below = (path for path in root.glob("services/*/**/*.py") if "migrations" not in path.parts)
    return sorted([*root.glob("chassis/*.py"), *below])


def findings(root: Path = ROOT) -> Iterator[str]:
    """Everything in the source that could give somebody away; nothing when all is well."""
    for file in sources(root):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            for kind, found in _openings(node):
                yield f"{file.relative_to(root)}:{getattr(node, 'lineno', 0)} {kind}: {found}"


def unused(root: Path = ROOT) -> set[tuple[str, str]]:
    """Exceptions that nothing needs any more."""
    needed: set[tuple[str, str]] = set()
    for file in sources(root):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            needed |= set(_openings(node, {}))
    return set(KNOWN) - {(kind, found) for kind, found in needed}


def _openings(
    node: ast.AST, known: Mapping[tuple[str, str], str] = KNOWN
) -> Iterator[tuple[str, str]]:
    for kind, name in (*_logged(node), *_measured(node), *_kept(node), *_addressed(node),
                       *_raised(node)):  # fmt: skip
        if (kind, name) not in known:
            yield kind, name


def _logged(node: ast.AST) -> Iterator[tuple[str, str]]:
    """A line of the log has listed keys, and its values are of nobody."""
    if not _is_call(node, LEVELS) or not _named(node.func.value, {"log", "logs.log"}):
        return
    for argument in node.args:
        if not isinstance(argument, ast.Constant) and not _is_our_word(argument):
            yield "log", f"free text {ast.unparse(argument)}"
    for keyword in node.keywords:
        if keyword.arg is not None:
            if keyword.arg not in KEYS or is_denied(keyword.arg):
                yield "log", keyword.arg
            yield from (("log", name) for name in _telling(keyword.value))


def _is_our_word(argument: ast.expr) -> bool:
    """Whether it is an event's name made of a word of ours: f"event_{state}"."""
    return isinstance(argument, ast.JoinedStr) and ast.unparse(argument) in ("f'event_{state}'",)


def _measured(node: ast.AST) -> Iterator[tuple[str, str]]:
    """Labels are named like nobody and filled with nobody."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in METRICS:
        for label in (item for given in node.args[2:3] for item in ast.walk(given)):
            if isinstance(label, ast.Constant) and is_denied(str(label.value)):
                yield "measure", str(label.value)
    if _is_call(node, {"labels"}):
        for argument in (*node.args, *(k.value for k in node.keywords)):
            yield from (("measure", name) for name in _telling(argument))


def _kept(node: ast.AST) -> Iterator[tuple[str, str]]:
    """A column is named like nobody."""
    mapped = isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation).startswith("Mapped[")
    if mapped and isinstance(node.target, ast.Name) and is_denied(node.target.id):
        yield "column", node.target.id


def _addressed(node: ast.AST) -> Iterator[tuple[str, str]]:
    """Neither a path nor a query carries somebody: addresses are remembered everywhere."""
    if isinstance(node, ast.Constant) and str(node.value).startswith("/v1/"):
        for name in re.findall(r"\{(\w+)\}", str(node.value)):
            if is_denied(name):
                yield "address", name
    if isinstance(node, ast.ClassDef) and node.name.endswith("Query"):
        for line in node.body:
            target = line.targets[0] if isinstance(line, ast.Assign) else None
            if isinstance(target, ast.Name) and is_denied(target.id):
                yield "address", target.id


def _raised(node: ast.AST) -> Iterator[tuple[str, str]]:
    """An error's text says nothing of what was sent, nor what another error said."""
    if not isinstance(node, ast.Raise) or not isinstance(node.exc, ast.Call):
        return
    for argument in node.exc.args:
        for part in ast.walk(argument):
            if isinstance(part, ast.FormattedValue):
                yield from (("error", name) for name in _telling(part.value))
            if isinstance(part, ast.Call) and _called(part) in ("str", "repr", "format"):
                yield "error", ast.unparse(part)


def _telling(expression: ast.expr) -> Iterator[str]:
    """The names in an expression that point at a person, or at all that somebody sent."""
    if isinstance(expression, ast.Call) and _called(expression) == "len":
        return  # how long it is, says nothing
    for part in ast.walk(expression):
        name = ""
        if isinstance(part, ast.Name):
            name = part.id
        elif isinstance(part, ast.Attribute):
            name = part.attr
        elif isinstance(part, ast.Subscript) and isinstance(part.slice, ast.Constant):
            name = str(part.slice.value)
        if name in WHOLE or (name not in OURS and is_denied(name)):
            yield name


def _is_call(node: ast.AST, names: set[str]) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in names
    )


def _called(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def _named(expression: ast.expr, names: set[str]) -> bool:
    return ast.unparse(expression) in names
