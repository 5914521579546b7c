"""Whom an operator erases is the one that was meant, and of them nothing stays in what is filed."""

from typing import Any

import pytest

from services.notify import reporters
from tests.harness.programs import run_command
from tests.service.notify.desk import NUMBER, Desk

HELD, UNHEARD = "KTB-12345-67894", "KTB-98765-43215"
SEALED = b"eyJ"  # how a sealed contact begins
NOTHING = "nothing was held; nothing will be kept\n"
SLIP = "not erased: a digit of this number is wrong\n"


@pytest.fixture
def command(desk: Desk, surroundings):
    """Runs a command of notify's as an operator does."""
    told = surroundings.environment("notify", DATABASE_URL=desk.database.url)

    def run(*words: str) -> tuple[str, str]:
        ran = run_command("notify", *words, env=told)
        assert ran.returncode == (1 if ran.stderr else 0)
        return ran.stdout, ran.stderr

    return run


def filed(desk: Desk) -> list[tuple[Any, ...]]:
    """State and reason of what waits or is parked, and whether a sealed contact is in it."""
    rows = desk.database.psql("SELECT state, reason, body FROM inbox WHERE state <> 'done'")
    return [(state, reason, SEALED in bytes(body)) for state, reason, body in rows]


def erase(desk: Desk) -> bool:
    with desk.db.begin() as tx:
        return reporters.erase(tx, NUMBER)


def test_records_move_to_the_current_key(command) -> None:
    assert command("rewrap") == ("0 moved to key 1\n", "")


@pytest.mark.parametrize(
    "typed", [HELD, HELD.lower(), f" {HELD} ", "KTB 12345 67894", "KTB1234567894"]
)
def test_a_number_is_found_however_it_is_typed(desk: Desk, command, typed: str) -> None:
    desk.hear_contact(HELD)

    assert command("erase", typed) == ("erased\n", "")
    assert desk.database.psql("SELECT number, state FROM reporter") == [(HELD, "erased")]
    assert command("erase", typed) == (NOTHING, "")


@pytest.mark.parametrize(
    "typed", ["KTB-12345-67884", "KTB-12345-67890", "KTB-12345-6789", "12345 67894", "Siti"]
)
def test_what_is_no_number_erases_nobody(desk: Desk, command, typed: str) -> None:
    desk.hear_contact(HELD)

    said, refused = command("erase", typed)

    assert said == ""
    assert refused in (SLIP, "not erased: a number looks like KTB-12345-67894\n")
    assert desk.database.psql("SELECT number, state FROM reporter") == [(HELD, "held")]


def test_a_number_that_nothing_was_heard_of_must_be_meant(desk: Desk, command) -> None:
    said, refused = command("erase", UNHEARD)

    assert said == ""
    assert refused.startswith(f"not erased: nothing was ever heard of {UNHEARD}")
    assert desk.database.psql("SELECT number FROM reporter") == []

    assert command("erase", UNHEARD, "--unheard") == (NOTHING, "")
    assert desk.hear_contact(UNHEARD) == "done"
    assert desk.database.psql("SELECT number, state FROM reporter") == [(UNHEARD, "erased")]


def test_a_parked_contact_is_emptied_and_then_taken_in_without_it(desk: Desk) -> None:
    assert desk.hear_contact(sealed_for=HELD) == "parked"
    assert filed(desk) == [("parked", "Poison", True)]

    assert erase(desk)
    assert filed(desk) == [("waiting", "Poison", False)]

    desk.retry()
    assert filed(desk) == []
    assert desk.hear_contact() == "done"  # the stream goes on
    assert desk.database.psql("SELECT state, identity FROM reporter") == [("erased", None)]


@pytest.mark.parametrize("later", [{}, {"minutes": 2}], ids=["waiting", "parked"])
def test_a_contact_that_came_before_its_turn_is_emptied_and_waits_on(
    desk: Desk, later: dict[str, float]
) -> None:
    first = desk.stream.contact()
    assert desk.hear_contact() == "waiting"
    desk.later(**later)
    desk.retry()
    state = "parked" if later else "waiting"
    assert filed(desk) == [(state, "gap", True)]

    assert erase(desk)
    assert filed(desk) == [(state, "gap", False)]

    assert desk.receive(first) == "done"
    desk.retry()
    assert filed(desk) == []
    assert desk.database.psql("SELECT state, identity FROM reporter") == [("erased", None)]


def test_another_reporters_filed_contact_stays(desk: Desk) -> None:
    desk.hear_contact(HELD, sealed_for=UNHEARD)

    assert not erase(desk)

    assert filed(desk) == [("parked", "Poison", True)]
