"""The feed is gapless under racing writers, says no more than it may, and shows tampering."""

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from sqlalchemy import text

from services.escalation.commands import verify
from services.escalation.ombudsman import feed
from tests.harness.waiting import eventually
from tests.service.escalation.tower import NUMBER, Tower

WRITERS, EACH = 6, 40
AFTER = text("SELECT id FROM feed_pending WHERE id > :after ORDER BY id")


def positions(tower: Tower, stream: str = "monitoring") -> list[int]:
    return [entry["position"] for entry in tower.entries(stream)]


def write(tower: Tower, count: int, stream: str = "monitoring") -> None:
    with tower.db.begin() as tx:
        for n in range(count):
            feed.write(tx, stream, "feed.breach.opened.v1", NUMBER, {"n": n}, tower.clock.now())


def all_at_once(*works: Callable[[], Any]) -> None:
    errors: list[BaseException] = []

    def guarded(work: Callable[[], Any]) -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def slow_writer(tower: Tower, held: threading.Semaphore) -> None:
    """Many transactions, each of which stays open for a while after its insert."""
    for _ in range(EACH):
        with tower.db.begin() as tx:
            feed.write(tx, "monitoring", "feed.breach.opened.v1", NUMBER, {}, tower.clock.now())
            held.acquire(timeout=0.004)


def test_a_breach_is_on_the_monitoring_stream_without_anybody_being_named(tower: Tower) -> None:
    tower.open()
    tower.at("2026-11-06 08:00").sweep()
    tower.append()

    [entry] = tower.entries("monitoring")
    assert entry["subject"] == NUMBER
    assert entry["type"] == "feed.breach.opened.v1"
    assert entry["data"] == {
        "clock": "V", "cycle": 1, "kind": "complaint", "class": None, "agency": None,
        "due_at": "2026-11-05T15:59:59Z",
    }  # fmt: skip


def test_a_breach_closes_when_the_limit_is_met_late(tower: Tower) -> None:
    tower.open()
    tower.at("2026-11-06 08:00").sweep()

    tower.dispose()
    tower.append()

    opened, closed = tower.entries("monitoring")
    assert closed["type"] == "feed.breach.closed.v1"
    # whose limit it was, not who has the case since: V is no agency's
    assert closed["data"] == opened["data"] | {"class": "ordinary", "how": "stopped"}


def test_six_slow_writers_and_two_appenders_leave_no_gap_and_no_double(tower: Tower) -> None:
    held, done = threading.Semaphore(0), threading.Event()

    def appender() -> None:
        while not done.is_set():
            tower.service.append_to_feed()

    def writers() -> None:
        all_at_once(*[lambda: slow_writer(tower, held)] * WRITERS)
        done.set()

    all_at_once(writers, appender, appender)
    tower.append()

    assert positions(tower) == list(range(1, WRITERS * EACH + 1))
    ids = {entry["id"] for entry in tower.entries("monitoring")}
    assert len(ids) == WRITERS * EACH
    assert verify(tower.db) == 0


def test_a_reader_that_follows_meanwhile_misses_nothing(tower: Tower) -> None:
    held, done, read = threading.Semaphore(0), threading.Event(), []

    def reader() -> None:
        while True:
            last = done.is_set()
            with tower.db.begin() as tx:
                found = feed.read(tx, "monitoring", 1, read[-1] if read else 0, 100)
            read.extend(entry.position for entry in found)
            if last and not found:
                return

    def writers() -> None:
        all_at_once(*[lambda: slow_writer(tower, held)] * WRITERS)
        eventually(lambda: tower.count("SELECT count(*) FROM feed_pending") == 0)
        done.set()

    def appender() -> None:
        while not done.is_set():
            tower.service.append_to_feed()

    all_at_once(writers, appender, reader)

    assert read == list(range(1, WRITERS * EACH + 1))


def test_a_cursor_over_ids_given_before_commit_would_miss_some(tower: Tower) -> None:
    """The negative control: the same writers, followed by id instead of by position."""
    held, done, read = threading.Semaphore(0), threading.Event(), [0]

    def reader() -> None:
        while True:
            last = done.is_set()
            with tower.db.begin() as tx:
                asked = {"after": read[-1]}
                found = tx.execute(AFTER, asked).scalars().all()
            read.extend(found)
            if last and not found:
                return

    def writers() -> None:
        all_at_once(*[lambda: slow_writer(tower, held)] * WRITERS)
        done.set()

    all_at_once(writers, reader)

    assert len(read) - 1 < WRITERS * EACH


def test_what_is_rolled_back_leaves_no_gap(tower: Tower) -> None:
    write(tower, 2)
    with suppress(RuntimeError), tower.db.begin() as tx:
        feed.write(tx, "monitoring", "feed.breach.opened.v1", NUMBER, {}, tower.clock.now())
        raise RuntimeError
    write(tower, 1)

    tower.append()

    assert positions(tower) == [1, 2, 3]


def test_streams_are_numbered_and_chained_apart(tower: Tower) -> None:
    write(tower, 3)
    write(tower, 2, "handovers")
    tower.append()

    assert positions(tower) == [1, 2, 3]
    assert positions(tower, "handovers") == [1, 2]
    assert verify(tower.db) == 0


def test_entries_are_plain_cloudevents(tower: Tower) -> None:
    write(tower, 1)
    tower.append()

    [entry] = tower.entries("monitoring")
    assert set(entry) == {
        "specversion", "datacontenttype", "id", "source", "type", "subject", "time", "epoch",
        "position", "data",
    }  # fmt: skip
    assert entry["specversion"] == "1.0"
    assert json.dumps(entry)


def test_the_key_that_signed_is_introduced_once_and_without_its_secret(tower: Tower) -> None:
    write(tower, 1)
    tower.append()
    write(tower, 1)
    tower.append()

    [(jwk,)] = tower.database.psql("SELECT jwk FROM feed_key")
    assert jwk["crv"] == "Ed25519"
    assert "d" not in jwk
