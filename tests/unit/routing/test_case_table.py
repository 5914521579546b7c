"""Only the table moves a case: every pair of status and action, the forbidden half too."""

from __future__ import annotations

from itertools import product

import pytest

from chassis.errors import Forbidden, NotAllowed
from services.routing import domain, rights
from services.routing.life import OPEN, TRANSITIONS, WHO, Action, Part, Status, Then
from tests.unit.routing.acts import ACTORS, NOW, case, perform, somebody

S, A = Status, Action

# The regulation's table, row by row, written out by hand so that the code cannot agree with itself.
ROWS = {
    S.UNVERIFIED: {
        A.VERIFY: S.UNVERIFIED,
        A.DISPOSE: S.DISPOSED,
        A.ARCHIVE: S.ARCHIVED,
        A.FORWARD: S.FORWARDED,
        A.REQUEST_DATA: S.AWAITING_REPORTER,
        A.RECLASSIFY: S.UNVERIFIED,
        A.MERGE: Then.PARENT,
        A.SUPPLEMENT: S.UNVERIFIED,
        A.WITHDRAW: S.WITHDRAWN,
    },
    S.AWAITING_REPORTER: {
        A.SUPPLEMENT: Then.BACK,
        A.CANCEL_REQUEST: Then.BACK,
        A.GIVE_UP: S.ARCHIVED,
        A.REASSIGN: S.AWAITING_REPORTER,
        A.RECLASSIFY: S.AWAITING_REPORTER,
        A.MERGE: Then.PARENT,
        A.WITHDRAW: S.WITHDRAWN,
    },
    S.DISPOSED: {
        A.RETURN: S.UNVERIFIED,
        A.FOLLOW_UP: S.IN_PROGRESS,
        A.REASSIGN: S.DISPOSED,
        A.RECLASSIFY: S.DISPOSED,
        A.MERGE: Then.PARENT,
        A.SUPPLEMENT: S.DISPOSED,
        A.WITHDRAW: S.WITHDRAWN,
    },
    S.IN_PROGRESS: {
        A.REQUEST_DATA: S.AWAITING_REPORTER,
        A.FOLLOW_UP: S.IN_PROGRESS,
        A.ANSWER: S.ANSWERED,
        A.REASSIGN: S.IN_PROGRESS,
        A.RECLASSIFY: S.IN_PROGRESS,
        A.MERGE: Then.PARENT,
        A.SUPPLEMENT: S.IN_PROGRESS,
        A.WITHDRAW: S.WITHDRAWN,
    },
    S.ANSWERED: {
        A.OBJECT: S.IN_PROGRESS,
        A.ACCEPT: S.CLOSED,
        A.AUTO_CLOSE: S.CLOSED,
        A.RATE: S.ANSWERED,
        A.REASSIGN: S.ANSWERED,
        A.RECLASSIFY: S.ANSWERED,
        A.MERGE: Then.PARENT,
        A.SUPPLEMENT: S.ANSWERED,
        A.WITHDRAW: S.WITHDRAWN,
    },
    S.CLOSED: {A.REOPEN: S.IN_PROGRESS, A.RATE: S.CLOSED, A.MERGE: Then.PARENT},
    S.ARCHIVED: {A.OBJECT: S.UNVERIFIED, A.MERGE: Then.PARENT},
    S.FORWARDED: {
        A.OBJECT: S.UNVERIFIED,
        A.RECALL: S.UNVERIFIED,
        A.RELAY: S.FORWARDED,
        A.MERGE: Then.PARENT,
    },
    S.WITHDRAWN: {},
}
ROWS = {status: row | {A.PROTECT: status} for status, row in ROWS.items()}  # whatever the status
for _open in (S.UNVERIFIED, S.AWAITING_REPORTER, S.DISPOSED, S.IN_PROGRESS, S.ANSWERED):
    ROWS[_open][A.NAME_ACCUSED] = Then.AWAY
# The reporter's two words for "no" mean whichever of the two the status allows.
SAME = {(S.CLOSED, A.OBJECT), *((s, A.REOPEN) for s in (S.ANSWERED, S.ARCHIVED, S.FORWARDED))}


def test_the_code_holds_the_regulations_table_and_nothing_else():
    assert {(s, a): to for s, row in ROWS.items() for a, to in row.items()} == dict(TRANSITIONS)


@pytest.mark.parametrize(("status", "action"), list(product(Status, Action)), ids=str)
def test_only_the_table_moves_a_case(status, action):
    before = case(status)
    asker = Part.LEAD if S.IN_PROGRESS in (status, before.awaited_from) else Part.DECIDER
    first = next(part for part in Part if part in WHO[action])
    part = asker if action in (A.REQUEST_DATA, A.CANCEL_REQUEST) else first
    actor = somebody(part, before)
    if action in ROWS[status]:
        expected = ROWS[status][action]
        if expected is Then.BACK:
            expected = before.awaited_from
        if expected is Then.AWAY:
            expected = status  # the unit has no part in it
        if expected is Then.PARENT:
            expected = S.UNVERIFIED
        assert perform(before, action, actor).status is expected
    elif (status, action) not in SAME:
        with pytest.raises(NotAllowed):
            perform(before, action, actor)


@pytest.mark.parametrize(
    ("status", "action", "actor"),
    list(product(Status, Action, ACTORS)),
    ids=lambda value: getattr(value, "role", value),
)
def test_only_who_has_the_part_may_act(status, action, actor):
    before = case(status)
    may = action in rights.allowed(actor, before)

    if action not in ROWS[status]:
        assert not may
    elif WHO[action].isdisjoint(rights.parts(actor, before)):
        assert not may
        with pytest.raises(Forbidden):
            rights.permit(actor, before, action)
    else:
        assert may


@pytest.mark.parametrize("from_status", [S.UNVERIFIED, S.IN_PROGRESS])
def test_supplied_data_leads_back_to_where_it_was_asked(from_status):
    waiting = case(S.AWAITING_REPORTER, awaited_from=from_status)
    back = domain.supplement(waiting, NOW, answers=True)
    assert (back.status, back.awaited_from) == (from_status, None)


@pytest.mark.parametrize("status", Status)
def test_open_is_what_can_still_be_withdrawn(status):
    assert (status in OPEN) == ((status, A.WITHDRAW) in TRANSITIONS)
