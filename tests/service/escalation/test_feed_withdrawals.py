"""A key that was announced and will never sign is withdrawn: from then on nobody trusts it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chassis.errors import NotAllowed
from services.escalation.commands import verify
from services.escalation.models import STREAMS
from services.escalation.ombudsman import announcing, feed
from services.escalation.ombudsman.signing import KeyMissing, Signer
from tests.service.escalation.reader import Reader
from tests.service.escalation.test_feed_switches import (
    CLIENT,
    VERIFIER,
    by_the_client,
    by_the_verifier,
    forged,
    holder,
)
from tests.service.escalation.tower import Tower
from tests.service.escalation.vault import Vault, introduce, switch

CHECKED = pytest.mark.parametrize("checked", [by_the_client, by_the_verifier])
BREACH = "feed.breach.opened.v1"


def withdraw(tower: Tower, kid: str) -> None:
    with tower.db.begin() as tx:
        announcing.withdraw(tx, tower.service.signers, kid, tower.clock.now())


def announced(tower: Tower, vault: Vault) -> Signer:
    """The key that was announced on both streams, and whoever has it."""
    for stream in STREAMS:
        tower.write(1, stream)
    vault.add()
    [kid] = introduce(tower)
    return holder(tower.service.signers, kid)


@CHECKED
def test_whoever_has_the_private_half_signs_nothing_on_either_stream(
    bare_tower: Tower, vault: Vault, reader: Reader, checked: Any
) -> None:
    thief = announced(bare_tower, vault)
    first = reader.get("/v1/ombudsman/keys")["keys"][0]
    before = {stream: reader.all(stream) for stream in STREAMS}
    withdraw(bare_tower, thief.kid)

    for stream in STREAMS:
        told = reader.all(stream)
        assert (told[-1]["type"], told[-1]["data"]) == (announcing.WITHDRAWN, {"kid": thief.kid})
        trusting = checked(first, stream)  # the negative control
        for entry in [*before[stream], forged(before[stream][-1], thief, BREACH, {"n": 9})]:
            trusting.take(entry)

        reading = checked(first, stream)
        for entry in told:
            reading.take(entry)
        with pytest.raises((CLIENT.Broken, VERIFIER.Broken)) as broken:
            reading.take(forged(told[-1], thief, BREACH, {"n": 9}))
        assert broken.value.check == "key"


@CHECKED
def test_nor_does_it_after_it_was_announced_once_more(
    bare_tower: Tower, vault: Vault, reader: Reader, checked: Any
) -> None:
    thief, [old, _] = announced(bare_tower, vault), vault.kids
    first, current = reader.get("/v1/ombudsman/keys")["keys"][0], holder(vault.load(), old)
    withdraw(bare_tower, thief.kid)
    told = reader.all()
    again = forged(told[-1], current, announcing.ANNOUNCED, {"key": thief.public()})
    reading = checked(first, "monitoring")
    for entry in [*told, again]:
        reading.take(entry)

    with pytest.raises((CLIENT.Broken, VERIFIER.Broken)) as broken:
        reading.take(forged(again, thief, BREACH, {}))
    assert broken.value.check == "key"


@CHECKED
@pytest.mark.parametrize("whose", ["its own", "one that it followed", "of no form"])
def test_a_key_that_has_signed_is_not_withdrawn(
    bare_tower: Tower, vault: Vault, reader: Reader, checked: Any, whose: str
) -> None:
    bare_tower.write(1)
    first = reader.get("/v1/ombudsman/keys")["keys"][0]
    vault.add()
    introduce(bare_tower)
    switch(bare_tower, at_once=True)
    old, newest = vault.kids
    for kid in (old, newest):
        with pytest.raises(NotAllowed, match="it has signed"):
            withdraw(bare_tower, kid)

    told, signer = reader.all(), holder(vault.load(), newest)
    reading = checked(first, "monitoring")
    for entry in told:
        reading.take(entry)
    kid = {"its own": newest, "one that it followed": old, "of no form": [1]}[whose]
    with pytest.raises((CLIENT.Broken, VERIFIER.Broken)) as broken:
        reading.take(forged(told[-1], signer, announcing.WITHDRAWN, {"kid": kid}))
    assert broken.value.check == "key"


def test_it_is_shown_no_more_and_takes_no_turn(
    bare_tower: Tower, vault: Vault, reader: Reader
) -> None:
    gone = announced(bare_tower, vault)
    withdraw(bare_tower, gone.kid)
    assert [one["kid"] for one in reader.get("/v1/ombudsman/keys")["keys"]] == vault.kids[:1]
    with pytest.raises(NotAllowed, match="no key of the file follows"):
        switch(bare_tower, at_once=True)
    assert introduce(bare_tower) == []

    vault.add()
    [newest] = introduce(bare_tower)
    assert switch(bare_tower, at_once=True) == newest
    bare_tower.write(1)

    signed = {entry["kid"] for stream in STREAMS for entry in reader.all(stream)}
    assert signed == {vault.kids[0], newest}
    assert verify(bare_tower.db) == 0


def test_what_it_signs_all_the_same_does_not_hold(
    bare_tower: Tower, vault: Vault, reader: Reader, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever may do everything in the database has it, and puts an entry there."""
    thief = announced(bare_tower, vault)
    withdraw(bare_tower, thief.kid)
    last = reader.all()[-1]
    entry = forged(last, thief, BREACH, {"n": 9})
    said = {name: value for name, value in entry.items() if name not in ("prevhash", "hash")}
    proof = [bytes.fromhex(entry[name]) for name in ("prevhash", "hash")]
    signature = thief.sign(proof[1])
    said.pop("signature"), said.pop("kid")
    bare_tower.database.psql(
        "INSERT INTO feed_entry (stream, epoch, position, prev_hash, hash, signature, kid, entry,"
        " appended_at) VALUES ('monitoring', 1, %s, %s, %s, %s, %s, %s, now())",
        [entry["position"], *proof, signature, thief.kid, json.dumps(said)],
    )

    assert verify(bare_tower.db) == 1
    assert f"monitoring: broken at {entry['position']} (key)" in capsys.readouterr().out


def test_what_cannot_be_said_is_not_done(bare_tower: Tower, vault: Vault) -> None:
    known = announced(bare_tower, vault).kid
    with pytest.raises(NotAllowed, match="no such key"):
        withdraw(bare_tower, "another")
    [old, _] = vault.kids
    vault.lose(old)
    with pytest.raises(KeyMissing):
        withdraw(bare_tower, known)
    bare_tower.database.psql("UPDATE feed_stream SET origin = 'another database'")
    with pytest.raises(feed.Restored):
        withdraw(bare_tower, known)

    assert bare_tower.count("SELECT count(*) FROM feed_key_withdrawal") == 0


def test_it_is_withdrawn_once(bare_tower: Tower, vault: Vault) -> None:
    gone = announced(bare_tower, vault)
    withdraw(bare_tower, gone.kid)

    with pytest.raises(NotAllowed, match="withdrawn already"):
        withdraw(bare_tower, gone.kid)
