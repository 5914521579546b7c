"""Every API as it runs, on real databases with something in them, and for each operation of the
OpenAPI documents a request that is answered well. An operation without one cannot be asked: what is
made from the documents fails until it has."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

import httpx

from chassis.web import BODY_LIMIT
from deploy.local.environment import Surroundings
from deploy.local.openapi import FOLDER
from deploy.local.plain import PLAIN
from deploy.postgres.databases import SERVICES
from tests.harness.databases import Database
from tests.harness.processes import ServiceProcess

NOTHING: Any = object()


@dataclass(frozen=True)
class Operation:
    """One operation of one document."""

    service: str
    method: str
    path: str
    details: Mapping[str, Any] = field(hash=False, compare=False)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def security(self) -> str:
        """The name of its scheme, if it has one."""
        return next((name for one in self.details.get("security", ()) for name in one), "")

    @property
    def has_body(self) -> bool:
        return "requestBody" in self.details

    def asked(self, place: str) -> list[str]:
        """The names of its parameters in `path`, `query` or `header`."""
        return [p["name"] for p in self.details["parameters"] if p["in"] == place]


def document(service: str) -> dict[str, Any]:
    """The kept OpenAPI document of a service."""
    return dict(json.loads((FOLDER / f"{service}.json").read_text()))


def operations(*services: str) -> list[Operation]:
    """Every operation of every document, or of these services'."""
    return [
        Operation(service, method.upper(), path, details)
        for service in services or SERVICES
        for path, found in document(service).get("paths", {}).items()
        for method, details in found.items()
    ]


OPERATIONS = operations()


@dataclass(frozen=True)
class Request:
    """A request to an operation; `parts` fill its path."""

    operation: Operation
    parts: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = NOTHING

    @property
    def path(self) -> str:
        parts = {name: quote(value, safe="") for name, value in self.parts.items()}
        return self.operation.path.format(**parts)

    def but(self, **other: Any) -> Request:
        """The same with other parts, headers, query or body."""
        return replace(self, **other)


class Room:
    """One service's API on a database of its own. A subclass knows how to be asked."""

    def __init__(self, database: Database, around: Surroundings, process: ServiceProcess) -> None:
        self.database, self.around, self.process = database, around, process
        self._tables: list[str] = []
        self.furnish()

    def furnish(self) -> None:
        """Puts in what the requests are about; the process does not run yet."""

    def ready(self, operation: Operation) -> None:
        """Puts things back to where `request` succeeds, however often it did."""

    def request(self, operation: Operation) -> Request:
        """A request that succeeds. KeyError for an operation that nobody has described here."""
        raise KeyError(str(operation))

    def rows(self) -> dict[str, int]:
        """How many rows each table has."""
        if not self._tables:
            named = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
            self._tables = [table for (table,) in self.database.psql(named)]
        counts = ", ".join(f'(SELECT count(*) FROM "{table}")' for table in self._tables)
        return dict(zip(self._tables, self.database.psql(f"SELECT {counts}")[0], strict=True))

    def close(self) -> None:
        """Gives back what was held."""


class Doors:
    """All rooms, and a client."""

    def __init__(self, rooms: Mapping[str, Room]) -> None:
        self.rooms = rooms
        self.client = httpx.Client(timeout=20, trust_env=False, verify=PLAIN)

    def start(self) -> None:
        for room in self.rooms.values():
            room.process.start()

    def close(self) -> None:
        self.client.close()
        for room in self.rooms.values():
            room.process.stop()
            room.close()

    def good(self, operation: Operation) -> Request:
        """A request that will succeed now."""
        room = self.rooms[operation.service]
        room.ready(operation)
        return room.request(operation)

    def send(self, request: Request, **more: Any) -> httpx.Response:
        """Asks the running process; `content` in `more` takes the body's place."""
        given: dict[str, Any] = {} if request.body is NOTHING else {"json": request.body}
        if "content" in more:
            given = {"headers": {"Content-Type": "application/json"}}
            if len(more["content"]) > BODY_LIMIT:  # the server reads no further, and hangs up
                given["headers"]["Connection"] = "close"
        headers = {**given.pop("headers", {}), **request.headers, **more.pop("headers", {})}
        url = self.rooms[request.operation.service].process.url
        return self.client.request(
            request.operation.method, f"{url}{request.path}", headers=headers,
            params=dict(request.query), **given, **more,
        )  # fmt: skip

    def rows(self, *services: str) -> dict[str, int]:
        """How many rows each table of each service has, or of these services."""
        return {
            f"{service}.{table}": count
            for service in services or self.rooms
            for table, count in self.rooms[service].rows().items()
        }
