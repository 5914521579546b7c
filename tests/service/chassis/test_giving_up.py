"""What no try can help is given up by a person, who is told what it was; all behind it goes on."""

import subprocess
from datetime import timedelta

import pytest

from tests.harness.publishing import event, publish, publish_raw
from tests.harness.waiting import eventually
from tests.service.chassis.stories import (
    AT,
    command,
    inbox,
    opened,
    reasons,
    report,
    timeline,
    way,
)

WITHDRAWN = {"at": AT, "status": "withdrawn"}


def test_a_parked_event_is_given_up_and_what_waited_behind_it_goes_on(
    db, broker, run, surroundings
):
    run("worker", db, AMQP_URI=broker.uri("intake"))
    first, second, third, _ = way(report(db))
    second["data"] = {"status": 7}
    publish(broker, "routing", [first, second, third])
    eventually(lambda: reasons(db) == {("parked", "ValidationError"), ("waiting", "gap")})

    told = command(db, surroundings, "parked", "drop", second["id"])

    assert told == "given up: case.verified.v1, ValidationError\n"
    eventually(lambda: timeline(db) == ["case.opened", "case.disposed"])
    assert inbox(db) == []
    publish(broker, "routing", [second, third])  # it was had
    publish(broker, "routing", [opened(report(db, "KTB-00000-00000"))])
    eventually(lambda: len(timeline(db)) == 3)
    assert inbox(db) == []
    kept = "SELECT state, reason, body FROM inbox WHERE event_id = %s"
    assert db.psql(kept, [second["id"]]) == [("done", "ValidationError", None)]


def test_whom_nobody_wants_is_not_brought_in_by_what_was_given_up(db, broker, run, surroundings):
    """A sender that was set back: each of its contradictions is a person's to want."""
    run("worker", db, AMQP_URI=broker.uri("intake"))
    events = way(number := report(db))
    publish(broker, "routing", events[:2])
    eventually(lambda: len(timeline(db)) == 2)
    again = [opened(number), event("case.withdrawn.v1", number, 2, WITHDRAWN)]
    publish(broker, "routing", again)
    eventually(lambda: inbox(db) == [("parked", "number taken", 1)] * 2)

    command(db, surroundings, "parked", "drop", again[0]["id"])

    assert inbox(db) == [("parked", "number taken", 1)]


def test_what_never_was_an_event_is_given_up_too(db, broker, run, surroundings):
    run("worker", db, AMQP_URI=broker.uri("intake"))
    publish_raw(broker, "routing", {1: ("case.opened.v1", "x", b"{no event, and Siti Rahmah")})
    eventually(lambda: inbox(db) == [("parked", "not strict JSON", 1)])
    event_id = command(db, surroundings, "parked", "list").split()[0]

    told = command(db, surroundings, "parked", "drop", event_id)

    assert told == "given up: no event, not strict JSON\n"
    assert db.psql("SELECT state, body FROM inbox") == [("done", None)]


def test_what_waits_for_an_earlier_event_or_is_not_parked_is_not_given_up(
    db, broker, run, clock, surroundings
):
    run("worker", db, AMQP_URI=broker.uri("intake"))
    events = way(report(db))
    publish(broker, "routing", [events[0], events[2]])
    eventually(lambda: inbox(db) == [("waiting", "gap", 1)])
    clock.move(timedelta(seconds=61))
    eventually(lambda: inbox(db) == [("parked", "gap", 1)])

    for one in (events[0], events[2], events[3]):
        with pytest.raises(subprocess.CalledProcessError) as refused:
            command(db, surroundings, "parked", "drop", one["id"])
        assert refused.value.stderr == (
            f"no event {one['id']} is parked here that can be given up:"
            " one that waits for an earlier event cannot\n"
        )
    assert inbox(db) == [("parked", "gap", 1)]


def test_what_is_not_parked_is_not_tried_again(db, surroundings):
    unknown = "00000000-0000-4000-8000-000000000000"

    with pytest.raises(subprocess.CalledProcessError) as refused:
        command(db, surroundings, "parked", "replay", unknown)

    assert refused.value.stderr == f"no event {unknown} is parked here that can be tried again\n"
    assert "0 will be tried again" in command(db, surroundings, "parked", "replay", "all")


@pytest.mark.parametrize("told", ["2026-11-24T08:00:00", "2026-11-24", "yesterday"])
def test_a_moment_without_its_offset_is_not_guessed(db, surroundings, told):
    with pytest.raises(subprocess.CalledProcessError) as refused:
        command(db, surroundings, "replay", "--since", told)

    assert "argument --since" in refused.value.stderr
    assert "Traceback" not in refused.value.stderr
