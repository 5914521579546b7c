"""Finds what two reports share that tells that one person filed both.

Every value that stands anywhere with a report is collected under its number: in events, in rows
that name it (and rows that those lead to), in answers, in mails, in the feed, in logs. What two
reports of one person share, and reports of different people do not, is a link.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from deploy.local.system import System
from tests.failure.canaries import Sink

SHORTEST = 8  # characters; what is shorter cannot be told from chance
VALUE = re.compile(r"[^\s\"'{}\[\](),;=<>]{8,}")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
PART = re.compile(r"[^./:_+-]{8,}")
# What is done in one turn has one moment, whoever it is for.
MOMENT = re.compile(r"(\d{4}-\d\d-\d\d[T ])?\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?")


def values(text: str) -> set[str]:
    """All that could be an identifier: words of 8 or more, cut as JSON, logs and rows are, and
    their parts."""
    plain = MOMENT.sub(" ", text)
    words = set(VALUE.findall(plain))
    return words | {part for word in words for part in PART.findall(word)}


def rows(system: System) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every row of every table, bytes as hex."""
    for service in system.services:
        tables = system.psql(service, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for (table,) in tables:
            for (row,) in system.psql(service, f'SELECT to_jsonb(t) FROM "{table}" t'):
                yield f"{service}.{table}", row


def belonging(pieces: Iterable[str], numbers: Iterable[str]) -> dict[str, set[str]]:
    """The values by report: of the pieces that hold its number, and of those that hold an id
    (a UUID) that only this report's pieces hold, and so on."""
    numbers = list(numbers)
    held = [(piece, set(UUID.findall(piece))) for piece in pieces]
    mine: dict[str, set[int]] = {
        number: {n for n, (piece, _) in enumerate(held) if number in piece} for number in numbers
    }
    before = 0
    while before < (before := sum(map(len, mine.values()))):
        whose = defaultdict[str, set[str]](set)
        for number, places in mine.items():
            for n in places:
                for one in held[n][1]:
                    whose[one].add(number)
        own = {one: next(iter(owners)) for one, owners in whose.items() if len(owners) == 1}
        for n, (_, ids) in enumerate(held):
            for one in ids & own.keys():
                mine[own[one]].add(n)
    return {
        number: set().union(*(values(held[n][0]) for n in places))
        for number, places in mine.items()
    }


def shared(found: Mapping[str, set[str]], mine: Iterable[str], others: Iterable[str]) -> set[str]:
    """What two of `mine` have in common and none of `others` has."""
    everybodys = set().union(*(found[number] for number in others))
    mine = list(mine)
    return {
        value
        for n, one in enumerate(mine)
        for other in mine[n + 1 :]
        for value in found[one] & found[other] - everybodys
    }


def pieces(system: System, sinks: Iterable[Sink]) -> Iterator[str]:
    """Everything that belongs together, one text each: rows, messages, answers, lines of logs,
    mails but for where they go, entries of the feed."""
    for _, row in rows(system):
        yield json.dumps(row)
    for name, held in sinks:
        if not isinstance(held, bytes) or name.startswith(("database", "processes", "metrics")):
            continue
        if name.startswith("feed"):
            body = held[held.index(b'{"') :] if b'{"events"' in held else b"{}"
            for entry in json.loads(body).get("events", []):
                yield json.dumps(entry)
        elif name.startswith(("tap", "answers")):
            yield held.decode("utf-8", "replace")
    for mail in system.mails():
        headers = {key: value for key, value in mail.headers.items() if key != "To"}
        yield json.dumps([mail.sender, headers, mail.text])
    for file in system.logs.glob("*.log"):
        yield from file.read_text(errors="replace").splitlines()
