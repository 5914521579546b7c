"""The worker as it runs in production: a broker, green threads, kill -9 in the middle."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from joserfc.jwk import OKPKey

from services.escalation.commands import verify
from services.escalation.ombudsman.signing import Signer
from tests.harness.waiting import eventually
from tests.service.escalation.office import NUMBERS, Office


def test_racing_workers_fire_everything_once_and_keep_one_feed(office: Office) -> None:
    office.start()
    office.start()
    office.open()

    office.clock.move(timedelta(days=21))

    eventually(office.all_fired, seconds=30)
    eventually(lambda: office.count("SELECT count(*) FROM feed_entry") == len(NUMBERS))
    positions = [entry["position"] for entry in office.tower.entries("monitoring")]
    assert positions == list(range(1, len(NUMBERS) + 1))
    unpublished = "SELECT count(*) FROM outbox WHERE published_at IS NULL"
    eventually(lambda: office.count(unpublished) == 0)


def test_what_may_be_promised_is_published_at_the_start(office: Office) -> None:
    office.start()

    promised = "SELECT count(*) FROM outbox WHERE type = 'calendar.published.v1'"
    eventually(lambda: office.count(promised) == 1)


def test_the_gauges_answer_their_questions(office: Office) -> None:
    office.open_here()
    worker = office.start()

    answers = (
        'lapor_escalation_open_clocks{clock="V"} 12.0',
        'lapor_accounted{service="escalation",what="cases"} 12.0',
        "lapor_escalation_unwatched_cases 0.0",
        'lapor_escalation_undecidable_clocks{reason="no_limit"} 0.0',
    )

    def unsaid() -> list[str]:
        shown = worker.metrics()
        return [answer for answer in answers if answer not in shown]

    # each has a timer of its own, and one that failed at first comes again after a minute
    eventually(lambda: not unsaid(), "every answer", seconds=75)
    shown = worker.metrics()
    assert not any(number in shown for number in NUMBERS)


def test_a_jump_of_a_year_escalates_nothing_and_alarms(office: Office) -> None:
    worker = office.start(BREAKER_FLOOR="50")
    office.open()

    office.clock.move(timedelta(days=365))

    alarm = 'lapor_escalation_breaker{reason="mass_firing"} 1.0'
    eventually(lambda: alarm in worker.metrics())
    assert office.fired() == [[]] * len(NUMBERS)


@pytest.mark.fault
@pytest.mark.parametrize(
    "failpoint", ["escalation.before_commit", "escalation.after_commit", "feed.before_commit"]
)
def test_a_kill_anywhere_loses_nothing_and_doubles_nothing(office: Office, failpoint: str) -> None:
    office.open_here()
    dying = office.launch(FAILPOINTS=f"{failpoint}=kill")
    dying.process.start()
    eventually(lambda: not dying.process.running)

    office.start()

    eventually(office.all_fired, seconds=30)
    eventually(lambda: office.count("SELECT count(*) FROM feed_entry") == len(NUMBERS))
    assert verify(office.tower.db) == 0


def test_no_number_is_logged(office: Office) -> None:
    worker = office.start()
    office.open()
    office.clock.move(timedelta(days=21))
    eventually(office.all_fired, seconds=30)

    logged = worker.process.log.read_text()
    assert "consuming" in logged
    assert not any(number in logged for number in NUMBERS)


def test_a_worker_without_its_key_does_not_start(office: Office, tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b'{"keys": "none, but long enough for one"}')

    with pytest.raises(Exception, match="FEED_SIGNING_KEY_FILE must hold"):
        office.start(FEED_SIGNING_KEY_FILE=str(tmp_path / "empty"))


def test_a_worker_whose_key_has_another_name_than_its_own_does_not_start(
    office: Office, tmp_path: Path
) -> None:
    key = OKPKey.generate_key("Ed25519")
    (tmp_path / "key").write_text(json.dumps({**key.as_dict(private=True), "kid": "ours"}))

    with pytest.raises(Exception, match=f"set its kid to {key.thumbprint()}"):
        office.start(FEED_SIGNING_KEY_FILE=str(tmp_path / "key"))
    assert office.count("SELECT count(*) FROM feed_key") == 0


def test_a_worker_whose_key_was_shown_under_such_a_name_goes_on(
    office: Office, tmp_path: Path
) -> None:
    """As nothing had looked at it in earlier days."""
    key = OKPKey.generate_key("Ed25519")
    signer = Signer("ours", key)
    (tmp_path / "key").write_text(json.dumps({**key.as_dict(private=True), "kid": "ours"}))
    office.tower.database.psql(
        "INSERT INTO feed_key (kid, jwk, since) VALUES ('ours', %s, now())",
        [json.dumps(signer.public())],
    )
    office.tower.database.psql("INSERT INTO feed_key_use (kid, since) VALUES ('ours', now())")

    office.start(FEED_SIGNING_KEY_FILE=str(tmp_path / "key"))
    office.open()
    office.clock.move(timedelta(days=21))

    eventually(lambda: office.count("SELECT count(*) FROM feed_entry") == len(NUMBERS), seconds=30)
    assert verify(office.tower.db) == 0
