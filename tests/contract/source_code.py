"""What the services' source says about events, read without importing it.

A type is written out in full wherever it is used, so that one search finds its contract, its
emitter and every reader. Two places have a meaning: a service's `events.py` makes facts, and
`@subscribe("...")` in its `service.py` hears them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2] / "services"
TYPE = re.compile(r"^[a-z]+\.[a-z_]+\.v[0-9]+$")


@dataclass(frozen=True)
class Handler:
    """A method that hears a type; `reads` are the names in `schemas` that it mentions, itself or
    in the methods of its own that it calls."""

    service: str
    type: str
    name: str
    reads: tuple[str, ...]


def services(root: Path = ROOT) -> list[str]:
    """Every service that there is."""
    return sorted(path.parent.name for path in root.glob("*/service.py"))


def said(service: str, root: Path = ROOT) -> dict[str, str]:
    """The types that a service's `events.py` makes facts of, and the function that makes each."""
    tree = parse(root / service / "events.py")
    makers = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return {type: maker.name for maker in makers for type in types_in(maker)}


def heard(service: str, root: Path = ROOT) -> list[Handler]:
    """The handlers of a service."""
    tree = parse(root / service / "service.py")
    methods = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    return [
        Handler(service, type, name, tuple(sorted(_schemas(name, methods, set()))))
        for name, method in methods.items()
        for type in _subscribed(method)
    ]


def mentioned(service: str, root: Path = ROOT) -> set[str]:
    """Every type that the service's source writes out, anywhere."""
    files = (root / service).rglob("*.py")
    return {type for file in files for type in types_in(parse(file))}


def unsaid(service: str, root: Path = ROOT) -> set[str]:
    """The makers of facts that no other module of the service uses."""
    files = [file for file in (root / service).rglob("*.py") if file.name != "events.py"]
    used = {
        node.attr if isinstance(node, ast.Attribute) else node.id
        for file in files
        for node in ast.walk(parse(file))
        if isinstance(node, ast.Attribute | ast.Name)
    }
    return set(said(service, root).values()) - used


def types_in(tree: ast.AST) -> list[str]:
    """The event types that stand in a piece of source as whole strings."""
    strings = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return [text for text in strings if isinstance(text, str) and TYPE.match(text)]


@cache
def parse(file: Path) -> ast.Module:
    """The tree of one file."""
    return ast.parse(file.read_text(encoding="utf-8"), filename=str(file))


def _subscribed(function: ast.FunctionDef) -> Iterator[str]:
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and _name(decorator.func) == "subscribe":
            written = [*types_in(decorator)]
            if len(written) != len(decorator.args):
                raise ValueError(f"{function.name} does not write out what it subscribes to")
            yield from written


def _schemas(name: str, methods: Mapping[str, ast.FunctionDef], seen: set[str]) -> set[str]:
    seen.add(name)
    used = [node for node in ast.walk(methods[name]) if isinstance(node, ast.Attribute)]
    read = {node.attr for node in used if _name(node.value) == "schemas"}
    called = {node.attr for node in used if _name(node.value) == "self"}
    for other in (called & set(methods)) - seen:
        read |= _schemas(other, methods, seen)
    return read


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
