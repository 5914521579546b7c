"""The order in which a reporter reads what happened, and what of another's act it tells: no moment
that is not told already."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from services.intake import telling
from services.routing.life import TRANSITIONS, Action, Status

ZONE = ZoneInfo("Asia/Makassar")
DAY = datetime(2026, 11, 23, tzinfo=ZONE)
RECEIVED = DAY - timedelta(days=9)


def lines(text):
    """`answered@10 objected@14`: what happened at which hour of the day, in the order in
    which it was noted; a message about a step as `failed:objected@15`."""
    happened = []
    for word in text.split():
        what, _, hour = word.partition("@")
        what, _, about = what.partition(":")
        name = {"failed": "message.failed"}.get(what, what if "." in what else f"case.{what}")
        detail = {"about": about} if about else {}
        happened.append((name, detail, (DAY + timedelta(hours=float(hour))).astimezone(UTC)))
    return happened


def read(text, received_at=RECEIVED):
    """As the reporter reads it: the hours, and the order."""
    happened = lines(text)
    told = telling.moments(happened, received_at, ZONE)
    shown = sorted(zip(told, happened, strict=True), key=lambda x: telling.place(x[0], x[1][0]))
    return " ".join(
        f"{what.rpartition('.')[2]}@{(at - DAY) / timedelta(hours=1):g}" for at, (what, *_) in shown
    )


@pytest.mark.parametrize(
    ("happened", "told"),
    [
        ("answered@-30 objected@14", "answered@-30 objected@0"),  # no more than the day
        ("answered@9 objected@14", "answered@9 objected@9"),
        ("archived@9 objected@14", "archived@9 objected@9"),
        ("forwarded@9 objected@14", "forwarded@9 objected@9"),
        ("answered@-30 deadline.passed@8 closed@8 reopened@14",
         "answered@-30 passed@8 closed@8 reopened@8"),
        ("answered@9 reopened@14", "answered@9 reopened@9"),  # the one that it follows was closed
        ("answered@-30 closed@8 objected@14", "answered@-30 closed@8 objected@8"),
        ("opened@8 data_requested@9 resumed@14", "opened@8 data_requested@9 resumed@9"),
        ("answered@7 objected@8 answered@9 objected@14",
         "answered@7 objected@7 answered@9 objected@9"),
        # who joined heard of the answer with the merge
        ("merged@10 objected@14", "merged@10 objected@10"),
        ("merged@10 resumed@14 merged@15 reopened@16",
         "merged@10 resumed@10 merged@15 reopened@15"),
        ("merged@10 answered@11 objected@14", "merged@10 answered@11 objected@11"),
        # nothing that it does not presuppose tells when it was
        ("answered@9 deadline.passed@10 objected@11 escalation.raised@12 disposed@13",
         "answered@9 objected@9 passed@10 raised@12 disposed@13"),
        ("answered@9 reporter.supplement@10 objected@14",
         "answered@9 objected@9 supplement@10"),
        # one's own is told as it was
        ("answered@9 reporter.object@14 objected@14", "answered@9 object@14 objected@14"),
        # that a message of it failed comes after it, and tells no more
        ("answered@9 objected@14 failed:objected@15", "answered@9 objected@9 failed@9"),
        ("answered@9 reporter.object@14 objected@14 failed:objected@15",
         "answered@9 object@14 objected@14 failed@14"),
        ("objected@-10 failed:objected@2", "objected@-24 failed@0"),
        ("answered@9 failed:answered@15", "answered@9 failed@15"),
    ],
)  # fmt: skip
def test_of_anothers_act_the_day_is_told_and_it_stands_below_what_it_presupposes(happened, told):
    assert read(happened) == told


def test_nothing_happened_before_the_report_was_received():
    assert read("resumed@14", DAY + timedelta(hours=7)) == "resumed@7"


@pytest.mark.parametrize("hour", range(10, 24))
def test_when_another_acted_changes_nothing_that_is_told(hour):
    assert read(f"answered@9 deadline.passed@12 objected@{hour}.5") == (
        "answered@9 objected@9 passed@12"
    )


def test_a_limit_passes_before_it_is_raised_and_that_before_a_hand_over_is_offered():
    noted = "escalation.offered@9 escalation.raised@9 deadline.passed@9"

    assert read(f"{noted} closed@8") == "closed@8 passed@9 raised@9 offered@9"


MOVES = {
    "case.data_requested": {Action.REQUEST_DATA},
    "case.answered": {Action.ANSWER},
    "case.archived": {Action.ARCHIVE, Action.GIVE_UP},
    "case.forwarded": {Action.FORWARD},
    "case.closed": {Action.ACCEPT, Action.AUTO_CLOSE},
}


@pytest.mark.parametrize(
    ("what", "action", "also"),
    [
        ("case.resumed", Action.SUPPLEMENT, set()),
        ("case.objected", Action.OBJECT, {Status.CLOSED}),  # that of who follows a closed one
        ("case.reopened", Action.REOPEN, {Status.ANSWERED}),  # that of who follows a closed one
    ],
)
def test_what_an_act_presupposes_are_the_steps_that_lead_where_it_is_allowed(what, action, also):
    allowed = {
        status for status, done in TRANSITIONS
        if done is action and TRANSITIONS[status, done] != status
    } | also  # fmt: skip
    steps = {
        step for step, moves in MOVES.items()
        if {TRANSITIONS[pair] for pair in TRANSITIONS if pair[1] in moves} & allowed
    }  # fmt: skip

    assert telling.PRESUPPOSES[what] == steps | {"case.merged"}  # to wherever the other one is
