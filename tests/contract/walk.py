"""Ways through a schema and through what it describes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]


def objects(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Every object schema, with its path (`/days/*/settle_by`)."""
    if "properties" in schema:
        yield path, schema
        for name, child in schema["properties"].items():
            yield from objects(child, f"{path}/{name}")
    if "items" in schema:
        yield from objects(schema["items"], f"{path}/*")


def properties(schema: Schema) -> Iterator[tuple[str, Schema]]:
    """Every property and every kind of item, with its path."""
    for path, parent in objects(schema):
        for name, child in parent["properties"].items():
            yield f"{path}/{name}", child
            if "items" in child and "properties" not in child["items"]:
                yield f"{path}/{name}/*", child["items"]


def values_at(data: Any, path: str) -> list[Any]:
    """Everything that stands at `path` in one document."""
    found = [data]
    for step in path.removeprefix("/").split("/"):
        if step == "*":
            found = [item for many in found for item in many]
        else:
            found = [one[step] for one in found]
    return found
