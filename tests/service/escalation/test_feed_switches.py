"""A key that another has followed is worth nothing on either stream, however quiet one is."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import OKPKey

from chassis.errors import NotAllowed
from services.escalation.commands import verify
from services.escalation.models import STREAMS
from services.escalation.ombudsman import announcing, chain, epochs
from services.escalation.ombudsman.signing import KeyMissing, Signer, Signers
from tests.harness import guides
from tests.harness.dumps import dump, restore
from tests.harness.waiting import eventually
from tests.service.escalation.reader import Reader
from tests.service.escalation.tower import Tower
from tests.service.escalation.vault import Vault, introduce, switch

pytestmark = pytest.mark.fault

Entry = dict[str, Any]
PROOF = ("prevhash", "hash", "signature", "kid")
CLIENT = guides.loaded(guides.TOOLS / "ombudsman-client" / "chain.py")
VERIFIER = guides.loaded(guides.TOOLS / "verify-feed" / "verify_feed.py")


def holder(signers: Signers, kid: str) -> Signer:
    return signers._held[kid]


def forged(last: Entry, thief: Signer, type: str, data: Entry) -> Entry:
    """What somebody in between, who has a key, has follow an entry."""
    said = {name: value for name, value in last.items() if name not in PROOF}
    said |= {"id": "forged", "type": type, "data": data, "position": last["position"] + 1}
    hash = chain.digest(bytes.fromhex(last["hash"]), said)
    signature = urlsafe_b64encode(thief.sign(hash)).decode().rstrip("=")
    proof = {"prevhash": last["hash"], "hash": hash.hex(), "signature": signature}
    return {**said, **proof, "kid": thief.kid}


def by_the_client(first: Entry, stream: str) -> Any:
    """The Ombudsman's client, which has pinned the first key."""
    return CLIENT.Chain(stream, CLIENT.public_keys({"keys": [first]}))


def by_the_verifier(first: Entry, stream: str) -> Any:
    """`verify-feed`, whose keys are of the first day."""
    return VERIFIER.Verifier(VERIFIER.read_keys(json.dumps({"keys": [first]})), stream=stream)


@pytest.mark.parametrize("checked", [by_the_client, by_the_verifier])
def test_the_old_key_signs_nothing_more_on_a_stream_where_nothing_else_happened_since(
    bare_tower: Tower, vault: Vault, reader: Reader, checked: Any
) -> None:
    for stream in STREAMS:
        bare_tower.write(1, stream)
    [old] = vault.kids
    first, thief = reader.get("/v1/ombudsman/keys")["keys"][0], holder(vault.load(), old)
    vault.add()
    introduce(bare_tower)
    switch(bare_tower, at_once=True)
    bare_tower.write(1, "monitoring")
    told, stranger = reader.all("handovers"), OKPKey.generate_key("Ed25519")
    own = Signer(stranger.thumbprint(), stranger)

    for type, data in (
        ("feed.case.answered.v1", {"answer": "closed"}),
        (announcing.ANNOUNCED, {"key": own.public()}),
    ):
        verifier = checked(first, "handovers")
        for entry in told:
            verifier.take(entry)
        with pytest.raises((CLIENT.Broken, VERIFIER.Broken)) as broken:
            verifier.take(forged(told[-1], thief, type, data))
        assert broken.value.check == "key"

        before = checked(first, "handovers")  # the control: what was forged would hold otherwise
        for entry in told[:-1]:
            before.take(entry)
        before.take(forged(told[-2], thief, type, data))


def test_what_a_switch_says_is_which_key_it_follows_and_the_new_one_signs_it(
    bare_tower: Tower, vault: Vault, reader: Reader
) -> None:
    bare_tower.write(1)
    vault.add()
    introduce(bare_tower)
    switch(bare_tower, at_once=True)

    old, new = vault.kids
    for stream in STREAMS:
        *_, last = reader.all(stream)
        assert (last["type"], last["subject"]) == ("feed.key.switched.v1", stream)
        assert (last["data"], last["kid"]) == ({"follows": old}, new)
    assert verify(bare_tower.db) == 0


def test_a_hundredth_entry_that_tells_of_a_switch_is_witnessed_at_once(
    bare_tower: Tower, vault: Vault
) -> None:
    bare_tower.write(98)
    vault.add()
    introduce(bare_tower)
    switch(bare_tower, at_once=True)

    assert verify(bare_tower.db) == 0


def test_a_key_that_is_passed_over_is_worth_nothing_either(
    bare_tower: Tower, vault: Vault, reader: Reader
) -> None:
    """It was announced, and so is trusted; whoever stole it while it waited had all the time."""
    bare_tower.write(1)
    vault.add()
    introduce(bare_tower)
    vault.add()
    introduce(bare_tower)
    first, passed, newest = vault.kids
    assert switch(bare_tower, at_once=True) == newest

    keys = reader.get("/v1/ombudsman/keys")["keys"]
    assert [one["kid"] for one in keys] == [first, passed, newest]
    for stream in STREAMS:
        told, verifier = reader.all(stream), by_the_client(keys[0], stream)
        assert [one["kid"] for one in told[-2:]] == [passed, newest]
        for entry in told:
            verifier.take(entry)
        with pytest.raises(CLIENT.Broken, match="key"):
            verifier.take(forged(told[-1], holder(vault.load(), passed), "x", {}))
    assert verify(bare_tower.db) == 0


def test_what_is_announced_while_another_switches_is_signed_by_the_key_that_signs_then(
    bare_tower: Tower, vault: Vault
) -> None:
    """An entry of the old key after one of the new could never be taken back."""
    bare_tower.write(1)
    switching = vault.add()
    introduce(bare_tower)
    vault.add()
    blocked = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )

    with ThreadPoolExecutor(1) as pool:
        with bare_tower.db.begin() as tx:
            announcing.switch(tx, switching, bare_tower.clock.now(), at_once=True)
            introducing = pool.submit(introduce, bare_tower)
            eventually(lambda: bare_tower.database.psql(blocked) == [(1,)])
        assert introducing.result() == [vault.kids[2]]

    assert verify(bare_tower.db) == 0


def restored(tower: Tower, dumped: Path) -> None:
    """The database as it was when it was dumped."""
    tower.engine.dispose()
    tower.db._alone.dispose()
    restore(tower.database.owner_url, dumped)


def open_epochs(tower: Tower) -> None:
    with tower.db.begin() as tx:
        for stream in STREAMS:
            epochs.open(tx, stream, tower.service.signers, "kepala.diskominfo", tower.clock.now())


def passed_over(tower: Tower, vault: Vault, dumped: Path) -> tuple[str, str, str]:
    """Restored to when one key signed and two were announced, of which the second took its place;
    the names of the three."""
    tower.write(1)
    for _ in range(2):
        vault.add()
        introduce(tower)
    dump(tower.database.owner_url, dumped)
    switch(tower, at_once=True)
    restored(tower, dumped)
    first, passed, newest = vault.kids
    return first, passed, newest


def is_worth_nothing(tower: Tower, vault: Vault, reader: Reader, passed: str) -> None:
    """What must hold: the key was announced on both streams and signs nothing more on either."""
    first = next(one for one in reader.get("/v1/ombudsman/keys")["keys"])
    for stream in STREAMS:
        told, verifier = reader.all(stream), by_the_client(first, stream)
        verifier._pinned.update(CLIENT.public_keys(reader.get("/v1/ombudsman/keys")))
        for entry in told:
            verifier.take(entry)
        with pytest.raises(CLIENT.Broken, match="key"):
            verifier.take(forged(told[-1], holder(vault.load(), passed), "x", {}))
    assert verify(tower.db) == 0


def test_no_key_takes_its_turn_while_an_epoch_is_due(
    bare_tower: Tower, vault: Vault, reader: Reader, tmp_path: Path
) -> None:
    """It could say so on no stream, and one that was passed over would keep its trust."""
    first, passed, newest = passed_over(bare_tower, vault, tmp_path / "dump")
    with bare_tower.db.begin() as tx, pytest.raises(NotAllowed, match="run open-epoch, then this"):
        announcing.switch(tx, vault.load(), bare_tower.clock.now(), at_once=True)

    open_epochs(bare_tower)
    assert switch(bare_tower, at_once=True) == newest

    kids = [entry["kid"] for entry in reader.all("handovers")]
    assert kids == [first, first, first, passed, newest]
    is_worth_nothing(bare_tower, vault, reader, passed)


def test_where_the_old_key_is_gone_the_one_that_is_passed_over_opens_the_epoch(
    bare_tower: Tower, vault: Vault, reader: Reader, tmp_path: Path
) -> None:
    first, passed, newest = passed_over(bare_tower, vault, tmp_path / "dump")
    vault.lose(first)
    assert switch(bare_tower, at_once=True) == newest

    open_epochs(bare_tower)

    *_, opening, last = reader.all("handovers")
    assert (opening["type"], opening["kid"]) == (epochs.OPENED, passed)
    assert (last["type"], last["data"], last["kid"]) == (
        announcing.SWITCHED, {"follows": passed}, newest,
    )  # fmt: skip
    is_worth_nothing(bare_tower, vault, reader, passed)


@pytest.mark.fault
def test_a_restored_database_whose_old_key_is_gone_goes_on_with_the_next(
    bare_tower: Tower, vault: Vault, tmp_path: Path
) -> None:
    """The epoch that must be opened anyway is the first that the new key signs, on both streams."""
    bare_tower.write(1)
    dump(bare_tower.database.owner_url, tmp_path / "dump")
    vault.add()
    introduce(bare_tower)
    switch(bare_tower, at_once=True)
    vault.drop()
    restored(bare_tower, tmp_path / "dump")
    signers, now = bare_tower.service.signers, bare_tower.clock.now()
    with pytest.raises(KeyMissing), bare_tower.db.begin() as tx:
        epochs.open(tx, "monitoring", signers, "kepala.diskominfo", now)

    introduce(bare_tower)
    switch(bare_tower, at_once=True)
    open_epochs(bare_tower)

    bare_tower.write(1)
    for stream in STREAMS:
        signed = "SELECT DISTINCT kid FROM feed_entry WHERE stream = %s AND epoch > 1"
        assert bare_tower.database.psql(signed, [stream]) == [(vault.kids[0],)]
    assert verify(bare_tower.db) == 0
