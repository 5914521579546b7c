"""Every happening against every clock, the forbidden half too; and every state against every move.

The expectations are written out here by hand from the rules, not read from the module.
"""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

import contracts
from services.escalation.watch.clockwork import ASIDE as STATUSES
from services.escalation.watch.clockwork import (
    CASE_EVENTS,
    CAUSES,
    CLOCKWORK,
    OPEN,
    OVER,
    Cause,
    Clock,
    Happening,
    Move,
    Notice,
    happening,
    moves,
    notice_of_answer,
)
from services.escalation.watch.runs import Run, moved, number_of_start
from services.escalation.watch.workdays import Pause

# A row per happening, a column per clock; + starts, = pauses, > resumes, x stops, < revives,
# * revives or starts anew, n starts or begins once more, o resumes as if it had not stood,
# ^ revives though it was stopped for good.
EXPECTED = """
                       V F S R A D H C O
opened                 + . . . . . + . .
verified               . . . . . . . . .
disposed               x n + . x . . . .
reassigned             . . . . . . . . .
returned               . . . . . . . . .
returned_to_arbiter    . . . . + . . . .
handed_up              . + > x . x . . .
handed_up_to_arbiter   . + > x + x . . .
asked_by_coordinator   = = = . = + . . .
asked_by_agency        . . = . . + . . .
question_noticed       . . . . . > . . .
question_unheard       . . . . . = . . .
supplied               > > > . > x . . .
question_cancelled     o o o . o x . . .
unheard_cancelled      > > > . > x . . .
followed_up            . x . . . . . . .
answered               . x = x . . . . .
answer_noticed         . . . n . . . . .
answer_unheard         . . . = . . . . .
objected               . . > x . . . . .
objected_while_aside   < < < . < . < . .
objected_by_another    . . ^ . . . ^ . .
closed                 x x x x x x x . .
reopened               . . * x . . * . .
reclassified           . . . . . . . . .
protected              . . . . . . . . .
archived               x x x x x x x . .
forwarded              x x x x x x x . .
recalled               o o o . o . o . .
word_relayed           . . . . . . . . .
merged                 x x x x x x * . .
merged_into_ended      x x x x x x x . .
withdrawn              x x x x x x x . .
refused                . . . . . . . . .
desks_changed          . . . . . . . . .
end_lost               < < < < < < < . .
question_stands        = = = . = . . . .
answer_stands          . . = . . . . . .
return_lost            . . . . x . . . .
correction_ordered     . . . . . . . + .
recommended            . . . . . . . x +
ombudsman_closed       . . . . . . . x x
"""
SIGNS = {
    "+": "start",
    "=": "pause",
    ">": "resume",
    "x": "stop",
    "o": "annul",
    "<": "revive",
    "*": "again",
    "^": "continue",
    "n": "renew",
    ".": None,
}


def expected_moves() -> dict[tuple[str, str], str | None]:
    header, *rows = EXPECTED.strip().splitlines()
    return {
        (name, clock): SIGNS[sign]
        for name, *signs in map(str.split, rows)
        for clock, sign in zip(header.split(), signs, strict=True)
    }


@pytest.mark.parametrize(("what", "clock"), [*product(Happening, Clock)], ids="-".join)
def test_only_the_table_moves_a_clock(what: Happening, clock: Clock) -> None:
    assert CLOCKWORK[what].get(clock) == expected_moves()[what, clock]


@pytest.mark.parametrize(("what", "clock"), [*product(Happening, Clock)], ids="-".join)
def test_for_a_case_that_follows_another_only_its_reporters_clocks_go_on(
    what: Happening, clock: Clock
) -> None:
    expected = expected_moves()[what, clock]
    if clock not in ("R", "H", "C", "O") and expected != "stop":
        expected = None

    assert moves(what, follows=True).get(clock) == expected


def test_every_event_of_a_case_has_a_meaning_and_none_is_left_over() -> None:
    assert set(CASE_EVENTS) == set(contracts.types_of("/routing/cases"))


@pytest.mark.parametrize("type", CASE_EVENTS)
def test_every_example_of_a_case_event_is_understood(type: str) -> None:
    for example in contracts.examples(type).values():
        assert happening(type, example["data"]) in Happening


NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=5)
PAUSED_SINCE = Pause(NOON + timedelta(hours=1))

RUNNING = Run(NOON)
PAUSED = Run(NOON, (PAUSED_SINCE,))
STOPPED = Run(NOON, (), NOON + timedelta(hours=2))
ASIDE = Run(NOON, (), NOON + timedelta(hours=2), set_aside=True)
RESUMED = Run(NOON, (Pause(PAUSED_SINCE.start, LATER),))
STOOD_ASIDE = Pause(NOON + timedelta(hours=2), LATER, Cause.ARCHIVED)

AFTER = {
    (RUNNING, Move.PAUSE): Run(NOON, (Pause(LATER),)),
    (RUNNING, Move.STOP): Run(NOON, (), LATER),
    (PAUSED, Move.RESUME): RESUMED,
    (PAUSED, Move.ANNUL): Run(NOON, (Pause(PAUSED_SINCE.start, PAUSED_SINCE.start),)),
    (PAUSED, Move.STOP): Run(NOON, RESUMED.pauses, LATER),
    (PAUSED, Move.REVIVE): RESUMED,
    (PAUSED, Move.AGAIN): RESUMED,
    (PAUSED, Move.CONTINUE): RESUMED,
    (ASIDE, Move.STOP): STOPPED,
    (ASIDE, Move.REVIVE): Run(NOON, (STOOD_ASIDE,)),
    (ASIDE, Move.AGAIN): Run(NOON, (STOOD_ASIDE,)),
    (ASIDE, Move.CONTINUE): Run(NOON, (STOOD_ASIDE,)),
    (STOPPED, Move.CONTINUE): Run(NOON, (STOOD_ASIDE,)),
    (ASIDE, Move.ANNUL): RUNNING,
    (ASIDE, Move.START): Run(LATER),
    (STOPPED, Move.RENEW): Run(LATER),
    (PAUSED, Move.RENEW): Run(LATER),
    (ASIDE, Move.RENEW): Run(LATER),
}


@pytest.mark.parametrize(("run", "move"), [*product([RUNNING, PAUSED, STOPPED, ASIDE], Move)])
def test_a_move_that_does_not_fit_the_state_does_nothing(run: Run, move: Move) -> None:
    assert moved(run, move, LATER) == AFTER.get((run, move), run)


STARTS = {  # clock, move, the run before, its number, the round: the new one's number
    ("S", Move.START, None, 0, 1): 1,
    ("S", Move.START, None, 0, 3): 3,
    ("S", Move.START, STOPPED, 1, 1): None,  # this round has had one
    ("S", Move.START, STOPPED, 1, 2): 2,
    ("S", Move.START, RUNNING, 1, 2): None,
    ("S", Move.START, PAUSED, 1, 2): None,
    ("D", Move.START, None, 0, 4): 1,
    ("D", Move.START, STOPPED, 2, 1): 3,
    ("R", Move.RENEW, None, 0, 2): 2,
    ("R", Move.RENEW, STOPPED, 1, 2): 2,
    ("R", Move.RENEW, STOPPED, 2, 2): None,  # that one begins once more
    ("R", Move.RENEW, RUNNING, 2, 2): None,
    ("S", Move.AGAIN, None, 0, 2): 2,
    ("S", Move.AGAIN, STOPPED, 1, 2): 2,
    ("S", Move.AGAIN, STOPPED, 3, 2): 4,
    ("S", Move.AGAIN, PAUSED, 1, 2): None,
    ("H", Move.AGAIN, ASIDE, 1, 2): None,
    ("H", Move.REVIVE, STOPPED, 1, 2): None,
    ("V", Move.STOP, None, 0, 1): None,
}


@pytest.mark.parametrize("given", STARTS, ids=str)
def test_a_clock_begins_once_a_round_or_anew_where_a_case_must_be_watched(given) -> None:
    assert number_of_start(*given) == STARTS[given]


def test_a_clock_that_was_set_aside_is_revived_once_as_if_it_had_been_paused() -> None:
    aside = moved(RUNNING, Move.STOP, LATER, set_aside=True)
    assert aside == Run(NOON, (), LATER, set_aside=True)

    revived = moved(aside, Move.REVIVE, LATER + timedelta(days=2))

    assert revived == Run(NOON, (Pause(LATER, LATER + timedelta(days=2), Cause.ARCHIVED),))
    assert moved(revived, Move.REVIVE, LATER + timedelta(days=3)) == revived


def test_what_was_set_aside_stood_for_what_had_set_it_aside() -> None:
    outside = moved(RUNNING, Move.STOP, LATER, set_aside=True)

    back = moved(outside, Move.REVIVE, LATER, because=STATUSES["forwarded_externally"])

    assert back.pauses == (Pause(LATER, LATER, Cause.FORWARDED),)
    assert STATUSES.keys() < OVER


def test_a_clock_that_goes_on_keeps_why_it_stood() -> None:
    stands = moved(RUNNING, Move.PAUSE, LATER, because=Cause.ASKED)

    resumed = moved(stands, Move.RESUME, LATER + timedelta(hours=1))

    assert resumed.pauses == (Pause(LATER, LATER + timedelta(hours=1), Cause.ASKED),)


def test_whatever_makes_a_clock_stand_says_why() -> None:
    pausing = {what for what, moves in CLOCKWORK.items() if Move.PAUSE in moves.values()}

    assert pausing | {Happening.END_LOST, Happening.OBJECTED_BY_ANOTHER} == CAUSES.keys()


@pytest.mark.parametrize("was", [*sorted(OPEN | OVER), ""])
def test_an_objection_to_what_its_own_reporter_closed_is_that_of_another(was: str) -> None:
    """Their own would be a reopening, whose limits are new."""
    data = {"status": "in_progress", "objections": 1, "cycle": 2}
    anothers = happening("case.objected.v1", data, was=was) is Happening.OBJECTED_BY_ANOTHER
    assert anothers is (was == "closed")
    assert happening("case.reopened.v1", data, was=was) is Happening.REOPENED


def test_a_pause_never_ends_before_it_begins_though_two_clocks_disagree() -> None:
    early = NOON + timedelta(minutes=1)

    assert moved(PAUSED, Move.RESUME, early).pauses == (
        Pause(PAUSED_SINCE.start, PAUSED_SINCE.start),
    )


@pytest.mark.parametrize(
    ("status", "cycle", "noticed", "meaning"),
    [
        ("answered", 1, 1, Notice.STARTS_SILENCE),
        ("answered", 2, 2, Notice.STARTS_SILENCE),
        ("answered", 2, 1, Notice.LATE),
        ("in_progress", 2, 1, Notice.LATE),
        ("in_progress", 1, 1, Notice.EARLY),
        ("in_progress", 1, 2, Notice.EARLY),
        *((over, 1, 1, Notice.LATE) for over in sorted(OVER)),
    ],
)
def test_only_a_notice_of_the_standing_answer_starts_the_reporters_time(
    status: str, cycle: int, noticed: int, meaning: Notice
) -> None:
    assert notice_of_answer(status, cycle, noticed) is meaning
