"""Checkpoints: in time, one for each hundred entries, and each holds the chain to its word."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
import rfc8785
from cryptography.exceptions import InvalidSignature

from services.escalation.commands import verify
from tests.service.escalation.reader import Reader, public
from tests.service.escalation.tower import Tower

CHECKPOINTS = "/v1/ombudsman/checkpoints"


def signed(tower: Tower, stream: str = "monitoring") -> list[int]:
    """The positions of a stream's checkpoints."""
    asked = "SELECT position FROM feed_checkpoint WHERE stream = %s ORDER BY epoch, position"
    return [position for (position,) in tower.database.psql(asked, [stream])]


def test_each_hundredth_entry_has_a_checkpoint(bare_tower: Tower) -> None:
    bare_tower.write(99)
    assert signed(bare_tower) == []

    bare_tower.write(1)
    assert signed(bare_tower) == [100]

    bare_tower.write(250)
    assert signed(bare_tower) == [100, 200, 300]
    assert verify(bare_tower.db) == 0


def test_no_entry_is_older_than_ten_minutes_without_one(bare_tower: Tower) -> None:
    bare_tower.write(3)
    bare_tower.clock.at += timedelta(minutes=9)
    bare_tower.write(1)
    assert signed(bare_tower) == []

    bare_tower.clock.at += timedelta(minutes=1)
    bare_tower.append()

    assert signed(bare_tower) == [4]


def test_a_stream_that_stands_still_is_not_signed_again(bare_tower: Tower) -> None:
    bare_tower.write(3)
    for _ in range(3):
        bare_tower.clock.at += timedelta(minutes=20)
        bare_tower.append()

    assert signed(bare_tower) == [3]
    assert signed(bare_tower, "handovers") == []


def test_entries_from_before_there_were_checkpoints_get_theirs(bare_tower: Tower) -> None:
    bare_tower.write(250)
    bare_tower.database.psql("ALTER TABLE feed_checkpoint DISABLE TRIGGER append_only")
    bare_tower.database.psql("DELETE FROM feed_checkpoint")

    bare_tower.append()

    assert signed(bare_tower) == [100, 200]


TAMPERINGS = {
    "dated back": ("UPDATE feed_checkpoint SET at = at - interval '1 day'"
                   " WHERE position = 200", 200),
    "of another hash": ("UPDATE feed_checkpoint SET hash = decode(repeat('ab', 32), 'hex')"
                        " WHERE position = 200", 200),
    "moved": ("UPDATE feed_checkpoint SET position = 150 WHERE position = 200", 150),
    "removed": ("DELETE FROM feed_checkpoint WHERE position = 100", 100),
    "signed by another": ("UPDATE feed_checkpoint SET signature = (SELECT signature FROM"
                          " feed_checkpoint WHERE position = 100) WHERE position = 200", 200),
    "left when the entries were cut off, with their end": (
        "DELETE FROM feed_entry WHERE position > 207; UPDATE feed_stream SET position = 207, hash ="
        " (SELECT hash FROM feed_entry WHERE position = 207) WHERE stream = 'monitoring'", 208),
}  # fmt: skip


@pytest.mark.parametrize("name", TAMPERINGS)
def test_a_checkpoint_that_does_not_hold_is_named(
    bare_tower: Tower, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    how, position = TAMPERINGS[name]
    bare_tower.write(210)
    bare_tower.clock.at += timedelta(minutes=10)
    bare_tower.append()
    for table in ("feed_entry", "feed_checkpoint"):
        bare_tower.database.psql(f"ALTER TABLE {table} DISABLE TRIGGER append_only")

    bare_tower.database.psql(how)

    assert verify(bare_tower.db) == 1
    assert f"monitoring: broken at {position} (checkpoint)" in capsys.readouterr().out


def test_checkpoints_are_read_page_after_page(bare_tower: Tower, reader: Reader) -> None:
    bare_tower.write(520)

    seen, cursor, more = [], "", True
    while more:
        page = reader.get(CHECKPOINTS, after=cursor, limit=2)
        seen += [one["position"] for one in page["checkpoints"]]
        cursor, more = page["cursor"], page["more"]

    assert seen == [100, 200, 300, 400, 500]
    following = reader.get("/v1/ombudsman/feed", after=cursor, limit=1)["events"]
    assert [event["position"] for event in following] == [501]


def test_a_checkpoint_is_verified_with_its_time_by_hand(bare_tower: Tower, reader: Reader) -> None:
    bare_tower.write(100)
    [jwk] = reader.get("/v1/ombudsman/keys")["keys"]
    key = public(jwk)

    [checkpoint] = reader.get(CHECKPOINTS)["checkpoints"]

    signature = base64.urlsafe_b64decode(checkpoint.pop("signature") + "==")
    key.verify(signature, rfc8785.dumps(checkpoint))
    entry = reader.get("/v1/ombudsman/feed", limit=100)["events"][-1]
    assert (checkpoint["hash"], checkpoint["position"]) == (entry["hash"], 100)
    with pytest.raises(InvalidSignature):
        key.verify(signature, rfc8785.dumps(checkpoint | {"time": "2026-11-01T00:00:00Z"}))
