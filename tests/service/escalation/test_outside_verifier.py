"""What the Ombudsman is sent is mutated on its way, or in our database; two verifiers reject it."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import OKPKey

from deploy.local.environment import Surroundings
from services.escalation.ombudsman import chain, feed
from services.escalation.ombudsman.chain import Broken
from services.escalation.ombudsman.signing import Signers
from tests.harness import guides
from tests.harness.processes import ServiceProcess
from tests.service.escalation.reader import Reader, public
from tests.service.escalation.test_feed_tampering import TAMPERINGS, tamper
from tests.service.escalation.tower import Tower

pytestmark = pytest.mark.fault

TOOL = guides.TOOLS / "verify-feed" / "verify_feed.py"
Events = list[dict[str, Any]]


def theirs(keys: str, events: Events, witnesses: Events) -> tuple[int, str] | None:
    """What the tool finds first."""
    tool = guides.loaded(TOOL)
    verifier = tool.Verifier(tool.read_keys(keys), witnesses)
    try:
        for event in events:
            verifier.take(event)
        verifier.finish()
    except tool.Broken as broken:
        return broken.position, broken.check
    return None


def ours(keys: str, events: Events, witnesses: Events) -> Broken | None:
    """What our own code finds first."""
    known = {jwk["kid"]: public(jwk) for jwk in json.loads(keys)["keys"]}
    told = [
        chain.Checkpoint(
            w["stream"], w["epoch"], w["position"], bytes.fromhex(w["hash"]), w["time"], w["kid"],
            unbase64(w["signature"]),
        ) for w in witnesses
    ]  # fmt: skip
    return chain.first_broken((link(event) for event in events), known, checkpoints=told)


def unbase64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def link(event: dict[str, Any]) -> chain.Link:
    proof = ("prevhash", "hash", "signature", "kid")
    said = {name: value for name, value in event.items() if name not in proof}
    before, hash = bytes.fromhex(event["prevhash"]), bytes.fromhex(event["hash"])
    return chain.Link(
        event["position"], said, before, hash, unbase64(event["signature"]), event["kid"]
    )


class Captured:
    """A feed of twelve entries as it was sent, with its keys and the checkpoint at its end."""

    def __init__(self, tower: Tower, reader: Reader) -> None:
        tower.write(12)
        tower.clock.at += timedelta(minutes=10)
        tower.append()
        self.events = reader.all()
        self.witnesses = reader.get("/v1/ombudsman/checkpoints")["checkpoints"]
        self.keys = json.dumps(reader.get("/v1/ombudsman/keys"))


@pytest.fixture
def captured(bare_tower: Tower, reader: Reader) -> Captured:
    return Captured(bare_tower, reader)


STRANGER = json.dumps({**OKPKey.generate_key("Ed25519").as_dict(private=True), "kid": "stranger"})


def signed_by_a_stranger(events: Events, kid: str) -> Events:
    """From entry 4 on all is said anew, by who has no key of ours."""
    [signer] = Signers(STRANGER.encode())._held.values()
    before = events[2]["hash"]
    for event in events[3:]:
        event["prevhash"], event["data"] = before, {"n": 99}
        hash = chain.digest(bytes.fromhex(before), link(event).entry)
        event["hash"] = before = hash.hex()
        event["signature"] = base64.urlsafe_b64encode(signer.sign(hash)).decode().rstrip("=")
        event["kid"] = kid
    return events


def changed(events: Events, **what: Any) -> Events:
    events[3].update(what)
    return events


def respelled(events: Events) -> Events:
    """Names in another order, other spaces, letters as escapes: nothing that is said differs."""
    return [json.loads(json.dumps(dict(reversed(e.items())), indent=3)) for e in events]


MUTATIONS: dict[str, tuple[Callable[[Events], Events], int]] = {
    "altered": (lambda e: changed(e, data={"n": 99}), 4),
    "a number spelled as a text": (lambda e: changed(e, data={"n": "3"}), 4),
    "one field more": (lambda e: changed(e, colour="red"), 4),
    "dated back": (lambda e: changed(e, time="2020-01-01T00:00:00Z"), 4),
    "the key's name swapped": (lambda e: changed(e, kid="stranger"), 4),
    "another's signature": (lambda e: changed(e, signature=e[5]["signature"]), 4),
    "replayed": (lambda e: [*e[:4], e[3], *e[4:]], 5),
    "replayed later, renumbered": (lambda e: [*e[:5], e[3] | {"position": 6}, *e[6:]], 6),
    "one dropped": (lambda e: [*e[:3], *e[4:]], 4),
    "reordered": (lambda e: [*e[:3], e[4], e[3], *e[5:]], 4),
    "begun later": (lambda e: e[3:], 1),
    "cut off": (lambda e: e[:7], 8),
    "forked under its own name": (lambda e: signed_by_a_stranger(e, e[0]["kid"]), 4),
    "forked by a stranger": (lambda e: signed_by_a_stranger(e, "stranger"), 4),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_both_verifiers_name_the_same_first_entry(captured: Captured, name: str) -> None:
    mutate, position = MUTATIONS[name]

    events = mutate(copy.deepcopy(captured.events))

    found = theirs(captured.keys, events, captured.witnesses)
    assert found is not None
    assert found[0] == position
    broken = ours(captured.keys, events, captured.witnesses)
    assert broken is not None
    assert broken.position == position


@pytest.mark.parametrize("spell", [lambda events: events, respelled])
def test_what_is_only_spelled_differently_holds(
    captured: Captured, spell: Callable[[Events], Events]
) -> None:
    """The control: neither verifier rejects whatever it is given."""
    events = spell(captured.events)

    assert theirs(captured.keys, events, captured.witnesses) is None
    assert ours(captured.keys, events, captured.witnesses) is None


def test_a_cut_end_is_seen_only_by_who_kept_a_witness(captured: Captured) -> None:
    assert theirs(captured.keys, captured.events[:7], []) is None
    assert theirs(captured.keys, captured.events[:7], captured.witnesses) == (8, "end")


def test_a_feed_that_begins_in_the_middle_goes_on_from_a_witness(
    bare_tower: Tower, captured: Captured, reader: Reader
) -> None:
    bare_tower.write(3)
    rest = reader.all()[12:]

    assert theirs(captured.keys, rest, captured.witnesses) is None
    assert theirs(captured.keys, rest, []) == (1, "position")


IN_THE_DATABASE = sorted(
    name for name in TAMPERINGS.keys() - {
        # only what stands beside the entry was changed, in columns of our own: what is sent holds
        "its remembered end moved", "its key changed", "its key spoiled", "renumbered",
        "moved to another epoch",
        # no page comes of it any more
        "made no entry at all",
        # a pulse is no entry: the Ombudsman's program checks each that it is shown
        "its pulse put later", "its pulse moved back", "its pulse not signed",
        "its pulse of a lost entry",
    }
)  # fmt: skip


@pytest.mark.parametrize("name", IN_THE_DATABASE)
def test_tampering_in_our_database_is_found_from_outside(
    bare_tower: Tower, reader: Reader, name: str
) -> None:
    bare_tower.write(10)
    keys, witness = json.dumps(reader.get("/v1/ombudsman/keys")), reader.end()
    how, position, _ = TAMPERINGS[name]

    tamper(bare_tower, how)

    found = theirs(keys, rows(bare_tower), [witness])
    assert found is not None
    assert found[0] == position


def rows(tower: Tower) -> Events:
    """As they are sent."""
    with tower.db.begin() as tx:
        return [json.loads(one.text) for one in feed.read(tx, "monitoring", 1, 0, 100)]


def on_disk(folder: Path, captured: Captured, events: Events) -> None:
    lines = "".join(json.dumps(event) + "\n" for event in events)
    (folder / "entries.jsonl").write_text(lines)
    (folder / "page.json").write_text(json.dumps({"events": events, "cursor": "x"}, indent=1))
    (folder / "keys.json").write_text(captured.keys)
    (folder / "kept.jsonl").write_text(json.dumps(captured.witnesses[-1]) + "\n")


@pytest.mark.parametrize("file", ["entries.jsonl", "page.json"])
def test_the_tool_says_by_its_exit_how_it_went(
    captured: Captured, tmp_path: Path, file: str
) -> None:
    on_disk(tmp_path, captured, captured.events)
    good = guides.run(TOOL, tmp_path, "--keys", "keys.json", "--witness", "kept.jsonl", file)
    assert (good.returncode, good.stdout) == (0, "12 entries hold, up to 1:12\n"), good.stderr

    on_disk(tmp_path, captured, changed(captured.events, data={"n": 99}))
    bad = guides.run(TOOL, tmp_path, "--keys", "keys.json", "--witness", "kept.jsonl", file)
    assert (bad.returncode, bad.stdout) == (1, "broken at 4 (hash)\n")

    (tmp_path / file).write_text("nonsense\n")
    assert guides.run(TOOL, tmp_path, "--keys", "keys.json", file).returncode == 2
    assert guides.run(TOOL, tmp_path, "--keys", "nowhere.json", file).returncode == 2
    assert guides.run(TOOL, tmp_path, "--keys", "keys.json").returncode == 2


def test_the_tool_reads_the_pages_of_a_running_api(
    bare_tower: Tower, captured: Captured, surroundings: Surroundings, state: Path, tmp_path: Path
) -> None:
    bare_tower.write(2500)
    on_disk(tmp_path, captured, [])
    bearer = str(surroundings.secrets / "ombudsman-bearer-key")
    api = ServiceProcess("api", bare_tower.database, surroundings, state).start()
    words = ("--keys", "keys.json", "--witness", "kept.jsonl", "--bearer", bearer)
    try:
        ran = guides.run(TOOL, tmp_path, *words, "--url", api.url, "--save", "saved.jsonl")
    finally:
        api.stop()

    assert (ran.returncode, ran.stdout) == (0, "2512 entries hold, up to 1:2512\n"), ran.stderr
    again = guides.run(TOOL, tmp_path, "--keys", "keys.json", "saved.jsonl")
    assert (again.returncode, again.stdout) == (0, ran.stdout)


@pytest.mark.parametrize("wrong", [None, "data", "signature"])
def test_an_entry_is_verified_with_the_commands_of_the_guide(
    captured: Captured, tmp_path: Path, wrong: str | None
) -> None:
    entry = captured.events[4]
    if wrong:
        entry[wrong] = captured.events[5][wrong]
    (tmp_path / "entry.json").write_text(json.dumps(entry))
    (tmp_path / "keys.json").write_text(captured.keys)
    ran = guides.by_hand(TOOL, "One entry by hand", tmp_path, stops=True)

    assert (ran.returncode == 0) is (wrong is None), ran.stdout + ran.stderr
    assert ("Signature Verified Successfully" in ran.stdout) is (wrong is None)


def test_the_tool_shares_no_code_with_us() -> None:
    assert guides.foreign(TOOL) == {"cryptography"}
