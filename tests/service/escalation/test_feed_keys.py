"""The key that signs the feed is changed under way: shown before it signs, nothing is rejected."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from joserfc.jwk import OKPKey

from chassis.errors import NotAllowed
from services.escalation.commands import verify
from services.escalation.models import STREAMS
from services.escalation.ombudsman import announcing, feed
from services.escalation.ombudsman.chain import Broken
from services.escalation.ombudsman.signing import KeyMissing, Signers
from tests.service.escalation.reader import Reader, public
from tests.service.escalation.tower import Tower
from tests.service.escalation.vault import Vault, introduce, switch


def rejected(known: dict[str, Any], events: list[dict[str, Any]]) -> list[str]:
    """The keys that a reader who knows only `known` would not find."""
    return [event["kid"] for event in events if event["kid"] not in known]


def test_a_reader_who_asks_for_the_keys_daily_rejects_nothing(
    bare_tower: Tower, vault: Vault, reader: Reader
) -> None:
    bare_tower.write(3)
    [old] = vault.kids
    vault.add()
    assert introduce(bare_tower) == [vault.kids[1]]
    known = {jwk["kid"]: public(jwk) for jwk in reader.get("/v1/ombudsman/keys")["keys"]}

    bare_tower.clock.at += timedelta(days=1)
    assert switch(bare_tower) == vault.kids[1]
    bare_tower.write(3)

    events = reader.all()
    assert [event["kid"] for event in events] == [old] * 4 + [vault.kids[1]] * 4
    assert rejected(known, events) == []
    assert verify(bare_tower.db) == 0


def test_a_key_that_signs_before_it_was_shown_would_be_rejected(
    bare_tower: Tower, vault: Vault, reader: Reader
) -> None:
    """The negative control."""
    bare_tower.write(1)
    known = {jwk["kid"]: public(jwk) for jwk in reader.get("/v1/ombudsman/keys")["keys"]}
    vault.add()
    introduce(bare_tower)
    switch(bare_tower, at_once=True)
    bare_tower.write(1)

    assert rejected(known, reader.all()) == [vault.kids[1]] * 2


def test_the_next_key_is_announced_on_both_streams_by_the_one_before_it(
    bare_tower: Tower, vault: Vault, reader: Reader
) -> None:
    """So that a reader who has the first key alone, and no word of anybody, can follow."""
    bare_tower.write(1)
    [old] = known = {jwk["kid"]: jwk for jwk in reader.get("/v1/ombudsman/keys")["keys"]}
    vault.add()
    introduce(bare_tower)
    switch(bare_tower, at_once=True)
    bare_tower.write(1)
    bare_tower.write(1, "handovers")

    for stream in STREAMS:
        entries = reader.all(stream)
        for entry in entries:
            assert entry["kid"] in known
            if entry["type"] == announcing.ANNOUNCED:
                assert entry["kid"] == old
                known[entry["data"]["key"]["kid"]] = entry["data"]["key"]
        assert "d" not in known[vault.kids[1]]
        assert entries[-1]["kid"] == vault.kids[1]
        del known[vault.kids[1]]
    assert introduce(bare_tower) == []
    assert verify(bare_tower.db) == 0


def test_a_hundredth_entry_that_announces_a_key_is_witnessed_at_once(
    bare_tower: Tower, vault: Vault
) -> None:
    bare_tower.write(99)
    vault.add()
    introduce(bare_tower)

    assert verify(bare_tower.db) == 0


def test_a_lost_key_is_followed_by_one_that_nobody_could_announce(
    bare_tower: Tower, vault: Vault, reader: Reader
) -> None:
    bare_tower.write(1)
    [old] = vault.kids
    vault.add()
    vault.drop()

    assert introduce(bare_tower) == []
    assert switch(bare_tower, at_once=True) == vault.kids[0]
    bare_tower.write(1)

    types = [entry["type"].split(".")[1] for entry in reader.all()]
    assert types == ["breach", "key", "breach"]
    assert [entry["data"] for entry in reader.all("handovers")] == [{"follows": old}]
    assert verify(bare_tower.db) == 0


def test_the_keys_say_since_when_they_sign_and_until_when(
    bare_tower: Tower, vault: Vault, reader: Reader
) -> None:
    bare_tower.write(1)
    vault.add()
    introduce(bare_tower)
    first, second = reader.get("/v1/ombudsman/keys")["keys"]
    assert (first["until"], second["since"]) == (None, None)
    assert first["since"] == first["published"]

    bare_tower.clock.at += timedelta(days=2)
    switch(bare_tower)

    first, second = reader.get("/v1/ombudsman/keys")["keys"]
    assert first["until"] == second["since"] == "2026-11-04T02:00:00Z"
    assert second["published"] == "2026-11-02T02:00:00Z"
    assert second["until"] is None
    assert "d" not in first.keys() | second.keys()


def test_a_key_does_not_sign_before_its_day_is_over_unless_told_so(
    bare_tower: Tower, vault: Vault
) -> None:
    bare_tower.write(1)
    vault.add()
    with pytest.raises(NotAllowed, match="introduce"):
        switch(bare_tower)
    introduce(bare_tower)
    with pytest.raises(NotAllowed, match="not for a day yet"):
        switch(bare_tower)

    assert switch(bare_tower, at_once=True) == vault.kids[1]
    with pytest.raises(NotAllowed, match="no key of the file follows"):
        switch(bare_tower)


def test_all_workers_change_at_one_entry_and_who_lacks_the_key_appends_nothing(
    bare_tower: Tower, vault: Vault
) -> None:
    bare_tower.write(1)
    behind = bare_tower.service.signers
    vault.add()
    introduce(bare_tower)
    switch(bare_tower, at_once=True)

    bare_tower.service.signers = behind
    with pytest.raises(KeyMissing):
        bare_tower.write(1)
    vault.load()
    bare_tower.append()

    assert verify(bare_tower.db) == 0
    assert [entry["data"] for entry in bare_tower.entries("monitoring")][::3] == [{"n": 0}] * 2


def test_old_entries_hold_when_the_old_private_key_is_destroyed(
    bare_tower: Tower, vault: Vault
) -> None:
    bare_tower.write(2)
    vault.add()
    introduce(bare_tower)
    switch(bare_tower, at_once=True)

    vault.drop()
    bare_tower.write(2)

    assert len(vault.kids) == 1
    assert verify(bare_tower.db) == 0


def test_a_key_that_another_has_followed_signs_no_more(bare_tower: Tower, vault: Vault) -> None:
    """Whoever stole the old key cannot go on with it."""
    bare_tower.write(1)
    old = bare_tower.service.signers
    vault.add()
    introduce(bare_tower)
    switch(bare_tower, at_once=True)
    bare_tower.write(1)

    with bare_tower.db.begin() as tx:
        end, now = feed.locked(tx, "monitoring"), bare_tower.clock.now()
        row = feed.pending("monitoring", "feed.breach.opened.v1", "x", {}, now)
        feed.append_one(tx, end, row, next(iter(old._held.values())), now)

    with bare_tower.db.begin() as tx:
        assert feed.verify(tx, "monitoring") == (4, Broken(5, "key"))


def test_a_key_under_another_name_than_its_own_is_not_shown(
    bare_tower: Tower, vault: Vault
) -> None:
    bare_tower.write(1)
    stranger = OKPKey.generate_key("Ed25519")
    keys = [json.loads(vault.file.read_text()), {**stranger.as_dict(private=True), "kid": "ours"}]
    bare_tower.service.signers = Signers(json.dumps({"keys": keys}).encode())

    with pytest.raises(NotAllowed, match=f"set its kid to {stranger.thumbprint()}"):
        introduce(bare_tower)
    with pytest.raises(NotAllowed, match="introduce"):
        switch(bare_tower, at_once=True)
    bare_tower.write(1)
    assert verify(bare_tower.db) == 0


def test_another_key_under_the_name_of_the_one_that_signs_signs_nothing(
    bare_tower: Tower, vault: Vault
) -> None:
    """What it signed would never hold, and nothing is taken back from a chain."""
    bare_tower.write(1)
    swapped = {**OKPKey.generate_key("Ed25519").as_dict(private=True), "kid": vault.kids[0]}
    bare_tower.service.signers = Signers(json.dumps(swapped).encode())

    with pytest.raises(KeyMissing):
        bare_tower.write(1)

    vault.load()
    bare_tower.append()
    assert len(bare_tower.entries("monitoring")) == 2
    assert verify(bare_tower.db) == 0


def test_a_key_that_was_shown_as_another_does_not_follow(bare_tower: Tower, vault: Vault) -> None:
    """It would sign nothing, and the one before it no more."""
    bare_tower.write(1)
    vault.add()
    introduce(bare_tower)
    keys = json.loads(vault.file.read_text())["keys"]
    impostor = {**OKPKey.generate_key("Ed25519").as_dict(private=True), "kid": keys[1]["kid"]}
    bare_tower.service.signers = Signers(json.dumps({"keys": [keys[0], impostor]}).encode())

    with pytest.raises(NotAllowed, match="introduce"):
        switch(bare_tower, at_once=True)
    bare_tower.write(1)
    assert verify(bare_tower.db) == 0
