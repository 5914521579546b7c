"""The reference client sleeps until it is poked, then reads at once; who is not the regency wakes
nobody."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.escalation.ombudsman import pokes
from services.escalation.ombudsman.webhooks import sign
from tests.harness.between import Between
from tests.harness.outside import Outside, changed
from tests.harness.waiting import eventually
from tests.service.escalation.receiver import outcomes, set_target
from tests.service.escalation.tower import NUMBER, Tower

pytestmark = pytest.mark.fault

BODY = json.dumps({"type": "feed.moved", "data": {"stream": "monitoring", "cursor": "x"}}).encode()
ID = "msg_0123456789abcdef"


@contextmanager
def asleep(outside: Outside) -> Iterator[str]:
    """Where it listens, once it has read everything."""
    running = outside.start("listen", "--port", 0)
    assert running.stdout
    try:
        yield running.stdout.readline().split()[-1]
    finally:
        running.terminate()
        running.communicate()


def unproven(tower: Tower) -> Iterator[tuple[dict[str, str], bytes]]:
    """Pokes of others, of another time, and of which something was changed."""
    now = datetime.now(UTC)
    with tower.db.begin() as tx:
        ours = tower.service.signers.current(tx, tower.clock.now()).sign
    right = sign(ID, now, BODY, [ours])
    yield sign(ID, now, BODY, [Ed25519PrivateKey.generate().sign]), BODY
    for other in (timedelta(seconds=-310), timedelta(seconds=310)):
        yield sign(ID, now + other, BODY, [ours]), BODY
    yield right, BODY + b" "
    yield right | {"webhook-id": f"{ID}0"}, BODY
    yield right | {"webhook-signature": right["webhook-signature"].replace("v1a", "v1")}, BODY
    yield {}, BODY


def heeds_the_regency_alone(tower: Tower, way: Between, outside: Outside) -> None:
    """What must hold: others are refused and bring nothing about, a poke of the regency's is taken
    and what is new is read."""
    dossier = outside.folder / "dossiers" / f"{NUMBER}.json"
    with asleep(outside) as url:
        eventually(dossier.exists, "all that there is", seconds=40)
        asked = list(way.asked)
        for headers, body in unproven(tower):
            assert httpx.post(url, content=body, headers=headers).status_code == 401
        assert httpx.post(url, content=b" " * 5000).status_code == 413
        assert way.asked == asked

        set_target(tower, url)
        tower.write(5)
        while pokes.turn(tower.db, tower.clock, tower.service.signers, inside=True):
            pass

        eventually(lambda: outside.entries()[-1]["data"] == {"n": 4}, "what is new", seconds=40)
    assert set(outcomes(tower)) == {"delivered"}


def test_the_client_reads_at_once_when_the_regency_pokes_and_heeds_nobody_else(
    tower: Tower, way: Between, outside: Outside
) -> None:
    heeds_the_regency_alone(tower, way, outside)


def test_a_client_that_asks_for_no_signature_is_woken_by_anybody(
    tower: Tower, way: Between, outside: Outside, tmp_path: Path
) -> None:
    """The negative control."""
    trusting = ("pokes.py", "if not any(_holds", "if False and any(_holds")
    outside.program = changed(tmp_path / "trusting", trusting)

    with pytest.raises(AssertionError, match="204 == 401"):
        heeds_the_regency_alone(tower, way, outside)
