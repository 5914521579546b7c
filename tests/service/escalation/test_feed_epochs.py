"""The database is restored from a dump while a reader has read on: it notices, and can go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.escalation.commands import verify
from services.escalation.models import STREAMS, FeedStream
from services.escalation.ombudsman import epochs, feed
from tests.harness.dumps import dump, restore
from tests.harness.waiting import eventually
from tests.service.escalation.office import Office
from tests.service.escalation.reader import Reader, place
from tests.service.escalation.tower import NUMBER, Tower

EPOCHS = "/v1/ombudsman/epochs"


def restored(tower: Tower, file: Path) -> None:
    tower.engine.dispose()
    tower.db._alone.dispose()
    restore(tower.database.owner_url, file)


def open_epoch(tower: Tower, stream: str = "monitoring") -> int:
    """Of both streams, as the command does; the number of one."""
    with tower.db.begin() as tx:
        now, signers = tower.clock.now(), tower.service.signers
        found = {each: epochs.open(tx, each, signers, "kepala.diskominfo", now) for each in STREAMS}
        return found[stream].epoch


def go_unnoticed(tower: Tower) -> None:
    """As if the whole machine's disk had been put back: nothing in the database differs."""
    with tower.db.begin() as tx:
        for stream in STREAMS:
            tx.get_one(FeedStream, stream).origin = feed.here(tx)


@contextmanager
def lost_future(tower: Tower, reader: Reader, file: Path) -> Iterator[Any]:
    """Seven entries and one that waits are dumped; the reader has read five more when these are
    lost. Gives what the reader holds: its entries and its witness, the end that it kept."""
    tower.write(7)
    with tower.db.begin() as tx:
        feed.write(tx, "monitoring", "feed.breach.opened.v1", NUMBER, {"n": 7}, tower.clock.now())
    dump(tower.database.owner_url, file)
    tower.append()
    tower.write(4)
    held, witness = reader.all(), reader.end()
    restored(tower, file)
    tower.clock.at += timedelta(hours=2)
    yield held, witness


def test_a_reader_of_the_lost_future_is_told_so_and_goes_on_from_what_both_have(
    bare_tower: Tower, reader: Reader, tmp_path: Path
) -> None:
    with lost_future(bare_tower, reader, tmp_path / "dump") as (held, witness):
        assert len(held) == 12
        answer = reader.ask(after=witness["cursor"])
        assert (answer.status_code, answer.json["code"]) == (409, "ahead")

        number = open_epoch(bare_tower)
        bare_tower.append()
        bare_tower.write(9)

    answer = reader.ask(after=witness["cursor"])
    assert (answer.status_code, answer.json["code"]) == (409, "lost_future")
    assert EPOCHS in answer.json["title"]
    [epoch] = reader.get(EPOCHS)["epochs"]
    common = held[epoch["before"]["position"] - 1]
    assert (epoch["before"]["epoch"], epoch["before"]["hash"]) == (1, common["hash"])

    following = reader.all(after=epoch["cursor"])

    first = following[0]
    assert (first["type"], first["data"]) == ("feed.epoch.opened.v1", {"before": epoch["before"]})
    assert first["prevhash"] == common["hash"]
    assert [(e["epoch"], e["position"]) for e in following] == [(number, n) for n in range(8, 19)]
    assert following[1]["data"] == {"n": 7}
    assert verify(bare_tower.db) == 0
    places = {(e["epoch"], e["position"]) for e in held}
    assert not places & {(e["epoch"], e["position"]) for e in following}


def test_the_new_epoch_is_signed_as_a_checkpoint_at_once(
    bare_tower: Tower, reader: Reader, tmp_path: Path
) -> None:
    with lost_future(bare_tower, reader, tmp_path / "dump"):
        number = open_epoch(bare_tower)

    [checkpoint] = reader.get("/v1/ombudsman/checkpoints")["checkpoints"]
    assert (checkpoint["epoch"], checkpoint["position"]) == (number, 8)
    assert checkpoint["hash"] == reader.end()["hash"]


def test_without_a_new_epoch_only_who_kept_a_witness_notices(
    bare_tower: Tower, reader: Reader, tmp_path: Path
) -> None:
    """The negative control: a reader that keeps no hashes goes on, and has missed entries."""
    with lost_future(bare_tower, reader, tmp_path / "dump") as (held, witness):
        go_unnoticed(bare_tower)
        bare_tower.append()
        bare_tower.write(9)

    following = reader.all(after=witness["cursor"])
    assert [event["position"] for event in following] == [13, 14, 15, 16, 17]
    assert [e["data"]["n"] for e in following] == [4, 5, 6, 7, 8]
    assert verify(bare_tower.db) == 0

    assert following[0]["prevhash"] != held[-1]["hash"]
    answer = reader.acknowledge(witness["cursor"], witness["hash"])
    assert (answer.status_code, answer.json["code"]) == (409, "forked")


def test_a_restored_feed_gives_no_place_before_an_epoch_is_opened(
    bare_tower: Tower, reader: Reader, tmp_path: Path
) -> None:
    with lost_future(bare_tower, reader, tmp_path / "dump"):
        with pytest.raises(feed.Restored):
            bare_tower.append()
        assert len(reader.all()) == 7

    open_epoch(bare_tower)
    bare_tower.append()

    assert [entry["position"] for entry in reader.all()] == list(range(1, 10))


def test_a_worker_that_starts_before_an_epoch_is_opened_waits_for_it(
    office: Office, tmp_path: Path
) -> None:
    tower = office.tower
    tower.write(3)
    dump(tower.database.owner_url, tmp_path / "dump")
    tower.write(2)
    restored(tower, tmp_path / "dump")
    with tower.db.begin() as tx:
        feed.write(tx, "monitoring", "feed.breach.opened.v1", NUMBER, {"n": 7}, tower.clock.now())

    worker = office.start()
    eventually(lambda: "Restored" in worker.process.log.read_text(), "it says why", seconds=20)
    assert [entry["data"]["n"] for entry in tower.entries("monitoring")] == [0, 1, 2]

    open_epoch(tower)
    eventually(lambda: len(tower.entries("monitoring")) == 5, "it goes on", seconds=20)
    assert tower.entries("monitoring")[-1]["data"] == {"n": 7}


def restored_again(tower: Tower, file: Path) -> int:
    restored(tower, file)
    return open_epoch(tower)


def test_restored_again_and_again_in_one_moment_no_place_is_given_twice(
    bare_tower: Tower, reader: Reader, tmp_path: Path
) -> None:
    """A number is drawn once in 32,768 times as before: three of them are not alike."""
    with lost_future(bare_tower, reader, tmp_path / "dump"):
        first = open_epoch(bare_tower)
        bare_tower.write(5)
        lost = reader.end()

    numbers = {first} | {restored_again(bare_tower, tmp_path / "dump") for _ in range(3)}

    assert len(numbers) >= 3
    assert min(numbers) > 1
    answer = reader.ask(after=lost["cursor"])
    assert (answer.status_code, answer.json["code"]) == (409, "lost_future")


def test_with_its_clock_set_back_too_the_lost_epoch_is_known_as_lost(
    bare_tower: Tower, reader: Reader, tmp_path: Path
) -> None:
    """Its number is above the new one's."""
    with lost_future(bare_tower, reader, tmp_path / "dump"):
        first = open_epoch(bare_tower)
        bare_tower.write(5)
        lost = reader.end()
    restored(bare_tower, tmp_path / "dump")
    answer = reader.ask(after=lost["cursor"])
    assert (answer.status_code, answer.json["code"]) == (409, "ahead")

    bare_tower.clock.at -= timedelta(days=2)
    second = open_epoch(bare_tower)
    bare_tower.write(9)

    assert first > second
    answer = reader.ask(after=lost["cursor"])
    assert (answer.status_code, answer.json["code"]) == (409, "lost_future")
    assert verify(bare_tower.db) == 0


def test_a_place_from_where_an_epoch_never_went_on_is_no_cursor(
    bare_tower: Tower, reader: Reader
) -> None:
    """It would skip the rest of the epoch before."""
    bare_tower.write(7)
    number = open_epoch(bare_tower)

    answer = reader.ask(after=place(f"monitoring:{number}:3"))

    assert answer.status_code == 422
    assert len(reader.all(after=place("monitoring:1:3"))) == 5


@pytest.mark.parametrize("stream", ["monitoring", "handovers"])
def test_an_empty_stream_can_open_an_epoch_too(
    bare_tower: Tower, reader: Reader, stream: str
) -> None:
    number = open_epoch(bare_tower, stream)

    [entry] = reader.all(stream)
    assert (entry["epoch"], entry["position"], entry["prevhash"]) == (number, 1, "00" * 32)
    assert verify(bare_tower.db) == 0
