"""A poke goes to whom an authority vouches for that the system trusts, and to nobody else; whoever
reads the feed notices neither."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from services.escalation.ombudsman import outward, pokes
from tests.harness.certificates import DAY, Authority
from tests.harness.waiting import eventually
from tests.service.escalation.office import Office
from tests.service.escalation.reader import Reader
from tests.service.escalation.receiver import Receiver, outcomes, set_target
from tests.service.escalation.tower import Tower

WRONG = ("unknown authority", "another's name", "over", "not yet valid")


@pytest.fixture
def certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """By what they are; the system trusts the authority of all but one."""
    trusted, unknown = Authority(tmp_path), Authority(tmp_path, "unknown")
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted.file))
    return {
        "right": trusted.certificate("localhost"),
        "unknown authority": unknown.certificate("localhost"),
        "another's name": trusted.certificate("localhost.example"),
        "over": trusted.certificate("localhost", -2 * DAY, -timedelta(minutes=1)),
        "not yet valid": trusted.certificate("localhost", timedelta(hours=1), 2 * DAY),
    }


@pytest.fixture
def receiver(certificates: dict[str, Path]) -> Iterator[Receiver]:
    made = Receiver(certificates["right"])
    yield made
    made.close()


def tried(result: str) -> float:
    return REGISTRY.get_sample_value("lapor_escalation_feed_pokes_total", {"result": result}) or 0.0


def poke(tower: Tower) -> bool:
    return pokes.turn(tower.db, tower.clock, tower.service.signers, inside=True)


def refuse(tower: Tower, receiver: Receiver, reader: Reader) -> None:
    """What must hold when nobody can be sure who answers: nothing is said, the try is counted and
    made again later, and the feed is read as ever."""
    set_target(tower, receiver.url)
    tower.write(3)
    before = tried("unreachable")

    assert poke(tower)

    assert receiver.heard == []
    assert tried("unreachable") == before + 1
    assert outcomes(tower) == [None]
    [(again,)] = tower.database.psql("SELECT next_try_at FROM feed_poke")
    assert again > tower.clock.now()
    assert [entry["position"] for entry in reader.all()] == [1, 2, 3]


@pytest.mark.parametrize("which", WRONG)
def test_whoever_cannot_prove_who_it_is_hears_nothing_until_it_can(
    bare_tower: Tower, reader: Reader, receiver: Receiver, certificates: Any, which: str
) -> None:
    receiver.show(certificates[which])
    refuse(bare_tower, receiver, reader)

    receiver.show(certificates["right"])
    bare_tower.clock.at += timedelta(seconds=30)
    assert poke(bare_tower)

    assert outcomes(bare_tower) == ["delivered"]
    assert receiver.moved == ["monitoring"]


def trust_all(plain: Any, host: str) -> Any:
    """A mistake: nobody needs to prove anything."""
    return ssl._create_unverified_context().wrap_socket(plain, server_hostname=host)  # noqa: S323


def trust_any_name(plain: Any, host: str) -> Any:
    """A mistake: whoever has a certificate for anything is taken for anybody."""
    context = ssl.create_default_context()
    context.check_hostname = False
    return context.wrap_socket(plain, server_hostname=host)


@pytest.mark.parametrize(
    ("mistake", "which"),
    [(trust_all, "unknown authority"), (trust_all, "over"), (trust_any_name, "another's name")],
)
def test_a_poke_that_trusts_too_much_is_caught(
    bare_tower: Tower, reader: Reader, receiver: Receiver, certificates: Any,
    monkeypatch: pytest.MonkeyPatch, mistake: Any, which: str,
) -> None:  # fmt: skip
    """The negative control: each of these would be told."""
    monkeypatch.setattr(outward, "_wrapped", mistake)
    receiver.show(certificates[which])

    with pytest.raises(AssertionError):
        refuse(bare_tower, receiver, reader)

    assert receiver.moved == ["monitoring"]


def test_a_worker_pokes_over_tls_once_it_may_trust_the_receiver(
    office: Office, receiver: Receiver, certificates: dict[str, Path]
) -> None:
    """As it runs in production: with green sockets, and what the environment trusts."""
    receiver.show(certificates["unknown authority"])
    set_target(office.tower, receiver.url)
    office.tower.write(3)
    trusted = str(certificates["right"].with_name("authority.pem"))
    worker = office.start(POKE_INSIDE="true", SSL_CERT_FILE=trusted)
    counted = re.compile('lapor_escalation_feed_pokes_total{result="unreachable"} [1-9]')
    eventually(lambda: counted.search(worker.metrics()), seconds=40)
    assert receiver.heard == []

    receiver.show(certificates["right"])
    office.tower.database.psql("UPDATE feed_poke SET next_try_at = now()")

    eventually(lambda: outcomes(office.tower) == ["delivered"], seconds=40)
    assert receiver.moved == ["monitoring"]
