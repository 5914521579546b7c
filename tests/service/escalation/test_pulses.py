"""Pulses: each stream's end is said anew, signed, though nothing happens; the newest is kept."""

from __future__ import annotations

import base64
import math
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import rfc8785

from services.escalation import metrics
from services.escalation.commands import verify
from services.escalation.models import STREAMS
from services.escalation.ombudsman import epochs, feed, pulses
from services.escalation.watch import watching
from tests.harness import guides
from tests.service.escalation.reader import Reader, public
from tests.service.escalation.tower import Tower
from tests.service.escalation.vault import Vault, introduce, switch

CHECKPOINTS = "/v1/ombudsman/checkpoints"
ELSEWHERE = "UPDATE feed_stream SET origin = 'another database'"
CLIENT = guides.loaded(guides.TOOLS / "ombudsman-client" / "chain.py")


def pulse(reader: Reader, stream: str = "monitoring") -> dict[str, Any]:
    return dict(reader.get(CHECKPOINTS, stream=stream)["pulse"])


def age(tower: Tower, stream: str = "monitoring") -> float:
    """As operators see it."""
    with tower.db.begin() as tx:
        watching.show_what_is_late(tx, tower.clock.now())
    return metrics.PULSE_AGE.labels(stream)._value.get()


def holds(reader: Reader, stream: str, told: dict[str, Any]) -> bool:
    """Whether the Ombudsman's client, which has read everything, believes it."""
    chain = CLIENT.Chain(stream, CLIENT.public_keys(reader.get("/v1/ombudsman/keys")))
    for entry in reader.all(stream):
        chain.take(entry)
    return bool(chain.bears_out(told))


def test_a_stream_to_which_nothing_happens_has_a_fresh_one_all_the_same(
    bare_tower: Tower, reader: Reader
) -> None:
    assert reader.get(CHECKPOINTS)["pulse"] is None
    assert age(bare_tower) == math.inf
    bare_tower.write(3)

    for _ in range(3):
        moment = bare_tower.clock.now()
        bare_tower.append()
        for stream, position in (("monitoring", 3), ("handovers", 0)):
            told = pulse(reader, stream)
            assert told["position"] == position
            assert told["time"] == moment.strftime("%Y-%m-%dT%H:%M:%SZ")
            assert holds(reader, stream, told)
            assert age(bare_tower, stream) == 0
        bare_tower.clock.at += timedelta(minutes=10)

    assert bare_tower.database.psql("SELECT count(*) FROM feed_pulse") == [(2,)]
    assert age(bare_tower) == 600


def test_before_ten_minutes_are_over_it_is_not_said_anew(bare_tower: Tower, reader: Reader) -> None:
    bare_tower.append()
    first = pulse(reader)
    bare_tower.clock.at += timedelta(minutes=9)
    bare_tower.write(1)
    assert pulse(reader) == first


def test_after_a_clock_was_ahead_it_is_said_anew(bare_tower: Tower, reader: Reader) -> None:
    bare_tower.append()
    ahead = pulse(reader)["time"]
    bare_tower.clock.at -= timedelta(hours=1)
    assert age(bare_tower) == 3600
    bare_tower.append()
    assert pulse(reader)["time"] < ahead
    assert age(bare_tower) == 0


def test_it_is_verified_with_its_time_by_hand(bare_tower: Tower, reader: Reader) -> None:
    bare_tower.write(1)
    told = pulse(reader)
    [jwk] = reader.get("/v1/ombudsman/keys")["keys"]
    signature = base64.urlsafe_b64decode(told.pop("signature") + "==")
    public(jwk).verify(signature, rfc8785.dumps(told))
    assert told["type"] == pulses.TYPE


def test_the_key_that_signs_now_signs_it_at_once(
    bare_tower: Tower, vault: Vault, reader: Reader
) -> None:
    bare_tower.write(1)
    bare_tower.append()
    before = {stream: pulse(reader, stream) for stream in STREAMS}
    vault.add()
    introduce(bare_tower)
    newest = switch(bare_tower, at_once=True)

    for stream in STREAMS:
        assert pulse(reader, stream)["kid"] == newest
        assert holds(reader, stream, pulse(reader, stream))
        if before[stream]["position"]:
            assert not holds(reader, stream, before[stream])


def test_one_of_a_key_that_was_followed_does_not_hold_here_either(
    bare_tower: Tower, vault: Vault, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever may do everything in the database puts the old one back, which was good."""
    bare_tower.write(1)
    bare_tower.append()
    kept = "CREATE TABLE kept AS SELECT * FROM feed_pulse WHERE stream = 'monitoring'"
    bare_tower.database.psql(kept)
    vault.add()
    introduce(bare_tower)
    switch(bare_tower, at_once=True)
    assert verify(bare_tower.db) == 0

    bare_tower.database.psql(
        "DELETE FROM feed_pulse WHERE stream = 'monitoring'; INSERT INTO feed_pulse TABLE kept;"
        " DROP TABLE kept"
    )

    assert verify(bare_tower.db) == 1
    assert "monitoring: broken at 3 (pulse)" in capsys.readouterr().out


def test_a_restored_feed_says_nothing_until_an_epoch_is_opened(
    bare_tower: Tower, reader: Reader, tmp_path: Path
) -> None:
    bare_tower.write(1)
    before = pulse(reader)
    bare_tower.database.psql(ELSEWHERE)
    bare_tower.clock.at += timedelta(hours=1)
    with pytest.raises(feed.Restored):
        bare_tower.append()
    assert pulse(reader) == before
    assert age(bare_tower) == 3600

    with bare_tower.db.begin() as tx:
        signers, now = bare_tower.service.signers, bare_tower.clock.now()
        opened = epochs.open(tx, "monitoring", signers, "kepala.diskominfo", now)

    assert (pulse(reader)["epoch"], pulse(reader)["position"]) == (opened.epoch, 2)
    assert age(bare_tower) == 0
