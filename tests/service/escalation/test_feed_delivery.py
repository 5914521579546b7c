"""Whoever follows the feed and starts again wherever they were gets every commit, in order."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from services.escalation.commands import verify
from services.escalation.ombudsman import feed
from tests.service.escalation.reader import Reader
from tests.service.escalation.test_feed import all_at_once
from tests.service.escalation.tower import NUMBER, Tower

WRITERS = 6
TOLD = text("SELECT id, event_id::text FROM feed_pending WHERE id > :after ORDER BY id LIMIT 500")


class Writers:
    """Six at once; each of their transactions writes some entries and stays open for a moment."""

    def __init__(self, tower: Tower, transactions: int, entries: int) -> None:
        self._tower, self._transactions, self._entries = tower, transactions, entries
        self.committed: set[str] = set()
        self.done = threading.Event()
        self._held, self._lock = threading.Semaphore(0), threading.Lock()

    @property
    def count(self) -> int:
        return WRITERS * self._transactions * self._entries

    def run(self) -> None:
        all_at_once(*[self._write] * WRITERS)
        self.done.set()

    def _write(self) -> None:
        chance = random.Random()
        for _ in range(self._transactions):
            with self._tower.db.begin() as tx:
                rows = [
                    feed.pending("monitoring", "feed.breach.opened.v1", NUMBER, {}, self._now())
                    for _ in range(self._entries)
                ]
                tx.add_all(rows)
                tx.flush()
                self._held.acquire(timeout=chance.uniform(0, 0.004))
            with self._lock:
                self.committed |= {str(row.event_id) for row in rows}

    def _now(self) -> Any:
        return self._tower.clock.now()


def appender(tower: Tower, writers: Writers) -> Callable[[], None]:
    def append() -> None:
        while not writers.done.is_set():
            tower.service.append_to_feed()

    return append


class Follower:
    """Reads page after page, and now and then begins again at some cursor that it once had."""

    def __init__(self, reader: Reader, writers: Writers, restarts: int) -> None:
        self._reader, self._writers, self._restarts = reader, writers, restarts
        self.entries: dict[int, str] = {}
        self.jumps: list[tuple[int, int]] = []  # where order was broken: always none

    def run(self) -> None:
        cursors, chance, last = [""], random.Random(), 0
        while True:
            ended = self._writers.done.is_set()
            if self._restarts and chance.random() < 0.2:
                self._restarts -= 1
                cursors = cursors[: chance.randrange(len(cursors)) + 1]
                last = 0
            page = self._reader.get(after=cursors[-1], limit=chance.choice((7, 100, 1000)))
            for event in page["events"]:
                if last and event["position"] != last + 1:
                    self.jumps.append((last, event["position"]))
                last = event["position"]
                self.entries[last] = event["id"]
            cursors.append(page["cursor"])
            if ended and not page["events"] and len(self.entries) >= self._writers.count:
                return


def delivered(tower: Tower, reader: Reader, writers: Writers, restarts: int) -> Follower:
    """What a follower has at the end, while all of them were at work at once."""
    follower = Follower(reader, writers, restarts)
    work = appender(tower, writers)

    def finish() -> None:
        writers.run()
        while tower.count("SELECT count(*) FROM feed_pending"):
            tower.append()

    all_at_once(finish, work, work, follower.run)
    return follower


def holds(writers: Writers, follower: Follower) -> None:
    assert follower.jumps == []
    assert sorted(follower.entries) == list(range(1, writers.count + 1))
    assert set(follower.entries.values()) == writers.committed


def test_a_follower_that_starts_again_anywhere_has_every_commit(
    bare_tower: Tower, reader: Reader
) -> None:
    writers = Writers(bare_tower, 30, 3)

    holds(writers, delivered(bare_tower, reader, writers, restarts=20))


def test_a_follower_by_ids_skips_commits(bare_tower: Tower) -> None:
    """The negative control: ids are given before the commit, and a cursor passes those held."""
    writers, told, after = Writers(bare_tower, 30, 3), set[str](), [0]

    def follow() -> None:
        while True:
            ended = writers.done.is_set()
            with bare_tower.db.begin() as tx:
                found = tx.execute(TOLD, {"after": after[0]}).all()
            told.update(id for _, id in found)
            after[0] = found[-1][0] if found else after[0]
            if ended and not found:
                return

    all_at_once(writers.run, follow)

    assert told < writers.committed


@pytest.mark.slow
def test_a_hundred_thousand_entries_are_delivered_and_verified_in_a_minute(
    bare_tower: Tower, reader: Reader
) -> None:
    writers = Writers(bare_tower, 667, 25)
    assert writers.count >= 100_000

    holds(writers, delivered(bare_tower, reader, writers, restarts=50))

    started = time.monotonic()
    assert verify(bare_tower.db) == 0
    assert time.monotonic() - started < 60
