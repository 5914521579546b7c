"""The reference client follows while the feed's key changes, by what the chain announces or by what
a person pinned; a key that nobody vouched for it refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from joserfc.jwk import OKPKey

from services.escalation.ombudsman import announcing, feed
from services.escalation.ombudsman.signing import Signers
from tests.harness.between import Between
from tests.harness.outside import Outside, changed
from tests.harness.waiting import eventually
from tests.service.escalation.tower import Tower

pytestmark = pytest.mark.fault


class Ring:
    """The file of keys of the regency: a second one is there, which signs nothing yet."""

    def __init__(self, tower: Tower, secrets: Path) -> None:
        fresh = OKPKey.generate_key("Ed25519")
        self.kid, self._tower = fresh.thumbprint(), tower
        first = json.loads((secrets / "feed-signing-key.json").read_text())
        second = fresh.as_dict(private=True) | {"kid": self.kid}
        self.old = tower.service.signers
        tower.service.signers = Signers(json.dumps({"keys": [first, second]}).encode())

    def announce(self) -> None:
        with self._tower.db.begin() as tx:
            shown = announcing.introduce(tx, self._tower.service.signers, self._tower.clock.now())
        assert shown == {self.kid: True}

    def only_show(self) -> None:
        """As when the key that signs is lost, or somebody else has put in their own."""
        with self._tower.db.begin() as tx:
            self._tower.service.signers.introduce(tx, self._tower.clock.now())

    def switch(self) -> None:
        with self._tower.db.begin() as tx:
            now, signers = self._tower.clock.now(), self._tower.service.signers
            assert announcing.switch(tx, signers, now, at_once=True) == self.kid


@pytest.fixture
def ring(tower: Tower, outside: Outside, secrets_folder: Path) -> Ring:
    tower.write(5)
    return Ring(tower, secrets_folder)


@contextmanager
def following(outside: Outside) -> Iterator[None]:
    """It runs meanwhile, and must not end by itself."""
    running = outside.start("follow")
    try:
        eventually(outside.entries, "it follows", seconds=40)
        yield
        assert running.poll() is None, running.communicate()
    finally:
        running.kill()
        running.communicate()


def reads_on(tower: Tower, outside: Outside, kid: str) -> None:
    """What must hold: it has what this key has signed of both streams."""
    tower.write(3)
    tower.write(1, "handovers")
    for stream in ("monitoring", "handovers"):
        eventually(lambda: outside.entries(stream)[-1]["kid"] == kid, stream, seconds=40)  # noqa: B023


def test_a_follower_rejects_nothing_when_the_key_changes(
    tower: Tower, outside: Outside, ring: Ring
) -> None:
    with following(outside):
        ring.announce()
        ring.switch()
        reads_on(tower, outside, ring.kid)

    kept = {key["kid"]: key for key in outside.read("keys.json")["keys"]}
    assert kept[ring.kid]["announced"].startswith(("monitoring ", "handovers "))
    assert "announced" not in kept[next(iter(ring.old._held))]
    assert outside.run("verify") == 0, outside.said
    assert not list((outside.folder / "evidence").iterdir())


def test_a_client_that_does_not_hear_what_is_announced_rejects_the_new_key(
    tower: Tower, outside: Outside, ring: Ring, tmp_path: Path
) -> None:
    """The negative control."""
    deaf = ("chain.py", 'if entry.get("type") == KEY_ANNOUNCED:', "if False:")
    outside.program = changed(tmp_path / "deaf", deaf)
    ring.announce()
    ring.switch()
    tower.write(1)

    assert outside.run("follow", "--once") == 3
    assert "(key)" in outside.said


def test_a_key_that_nobody_announced_is_shown_and_refused_until_a_person_pins_it(
    tower: Tower, outside: Outside, ring: Ring
) -> None:
    assert outside.run("follow", "--once") == 0, outside.said
    kept = outside.entries()
    ring.only_show()
    assert outside.run("follow", "--once") == 0
    assert f"NEW key {ring.kid}" in outside.said

    ring.switch()
    tower.write(3)
    for _ in range(2):
        assert outside.run("follow", "--once") == 3
        assert f"entry {len(kept) + 1} does not hold (key)" in outside.said
        assert f"NEW key {ring.kid}" in outside.said
        assert "pin" in outside.said
    assert outside.entries() == kept

    assert outside.run("pin") == 0, outside.said
    assert f"NEW   {ring.kid}" in outside.said
    assert outside.run("follow", "--once") == 3
    assert outside.run("pin", ring.kid) == 0, outside.said
    assert outside.run("follow", "--once") == 0, outside.said
    assert outside.entries()[-1]["kid"] == ring.kid


def test_what_is_pinned_while_it_follows_is_known_to_it(
    tower: Tower, outside: Outside, ring: Ring
) -> None:
    with following(outside):
        ring.only_show()
        assert outside.run("pin", ring.kid) == 0, outside.said
        ring.switch()
        reads_on(tower, outside, ring.kid)


def test_another_key_under_a_name_that_is_trusted_is_refused(
    way: Between, outside: Outside, ring: Ring
) -> None:
    stranger = OKPKey.generate_key("Ed25519").as_dict(private=False)["x"]

    def swap(body: bytes) -> bytes:
        told = json.loads(body)
        for key in told.get("keys", ()):
            key["x"] = stranger
        return json.dumps(told).encode()

    way.change = swap
    for command in (("pin",), ("follow", "--once")):
        assert outside.run(*command) == 3
        assert "(swapped)" in outside.said
    evidence = [json.loads(file.read_text()) for file in (outside.folder / "evidence").iterdir()]
    assert [one["page"][0]["x"] for one in evidence] == [stranger] * 2


def test_a_key_that_another_has_followed_signs_no_more(
    tower: Tower, outside: Outside, ring: Ring
) -> None:
    """Whoever stole the old one cannot go on with it."""
    ring.announce()
    ring.switch()
    tower.write(1)
    assert outside.run("follow", "--once") == 0, outside.said
    with tower.db.begin() as tx:
        end, now = feed.locked(tx, "monitoring"), tower.clock.now()
        row = feed.pending("monitoring", "feed.breach.opened.v1", "x", {}, now)
        feed.append_one(tx, end, row, next(iter(ring.old._held.values())), now)

    assert outside.run("follow", "--once") == 3
    assert "(key)" in outside.said
