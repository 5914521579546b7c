"""How reports are referred to, and what their reporters may do next."""

from datetime import UTC, datetime, timedelta
from itertools import combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import NotAllowed
from contracts import schema
from services.escalation.domain import FORMERLY_WITHIN
from services.escalation.watch.clockwork import CLOCKWORK, SET_ASIDE, Clock, happening
from services.escalation.watch.runs import Run, moved, number_of_start
from services.intake import allowance, domain, schemas
from services.intake.domain import ACTIONS, Action, Status
from services.notify.contacts import is_mailable
from services.routing import domain as cases
from services.routing import events, life
from tests.unit.routing.acts import LIAISON, RULES, SEATS, case, perform

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
# Which are escalation's affair, and notify's.
CONSENTING = {Action.CONSENT, Action.WITHDRAW_CONSENT, Action.REPLACE_CONTACT}


@given(st.integers(0, 10**9 - 1))
def test_a_number_is_one(digits):
    number = domain.number("KTB", digits)

    assert domain.read_number(number, "KTB") == number


@given(st.integers(0, 10**9 - 1), st.integers(0, 9), st.integers(1, 9))
def test_a_number_with_one_digit_misheard_is_none(digits, place, shift):
    number = list(domain.number("KTB", digits))
    at = [i for i, c in enumerate(number) if c.isdigit()][place]
    number[at] = str((int(number[at]) + shift) % 10)

    assert not domain.read_number("".join(number), "KTB")


@given(st.integers(0, 10**9 - 1), st.integers(0, 8))
def test_a_number_with_two_neighbours_swapped_is_none(digits, place):
    number = list(domain.number("KTB", digits))
    at = [i for i, c in enumerate(number) if c.isdigit()][place : place + 2]
    swapped = number.copy()
    swapped[at[0]], swapped[at[1]] = number[at[1]], number[at[0]]

    assert swapped == number or not domain.read_number("".join(swapped), "KTB")


OTHER = """
KTB KTB-1 KTB-1234५-67894 KTB--12345-6789x K-12345-67894 KTB/12345/67894 6302055187730004
081234567894 KTB-12345-67890 1234567890 5-12345-67894
"""


@pytest.mark.parametrize("text", ["", *OTHER.split()])
def test_other_text_is_no_number(text):
    assert domain.read_number(text, "KTB") == ""


def test_another_prefix_stays_what_it_is():
    assert domain.read_number("hss 12345 67894", "KTB") == "HSS-12345-67894"


@given(st.integers(0, 2**130 - 1))
def test_a_code_is_read_however_it_is_written(value):
    code = domain.code(value)
    written = code.lower().replace("-", " ").replace("0", "o").replace("1", "i")

    pasted = f" {code}\n".replace("-", "\u2011", 2).replace("-", "\xa0\t", 2)

    assert domain.read_code(written) == domain.read_code(pasted) == domain.read_code(code)
    assert len(domain.read_code(code)) == domain.CODE_LENGTH


@given(st.integers(0, 2**130 - 1), st.integers(0, 2**130 - 1))
def test_two_values_make_two_codes(one, other):
    assert (domain.code(one) == domain.code(other)) == (one == other)


@pytest.mark.parametrize(("status", "action"), list(product(Status, Action)), ids="-".join)
def test_a_reporter_may_do_what_the_table_says_and_nothing_else(status, action):
    if action in ACTIONS[status] | {Action.WITHDRAW_CONSENT}:
        domain.permit(action, status, NOW, NOW)
    else:
        with pytest.raises(NotAllowed):
            domain.permit(action, status, NOW, NOW)


@pytest.mark.parametrize("status", sorted(domain.ASIDE))
def test_what_is_over_can_be_taken_up_again_as_long_as_routing_said(status):
    assert domain.actions(status, NOW, NOW) == sorted(ACTIONS[status])
    assert domain.actions(status, NOW - timedelta(microseconds=1), NOW) == []


def test_what_is_too_late_for_good_is_told_from_what_may_be_taken_later():
    """By the words with which routing refuses what intake could not: `case.refused`."""
    action, known = Action.OBJECT, schema("case.refused.v1")["properties"]["reason_code"]["enum"]
    for status, until, rule in [
        (Status.ARCHIVED, NOW - timedelta(days=1), "too_late"),
        (Status.IN_PROGRESS, NOW, "wrong_status"),
    ]:
        with pytest.raises(NotAllowed) as refusal:
            domain.permit(action, status, until, NOW)

        assert [(e["field"], e["rule"]) for e in refusal.value.errors] == [("number", rule)]
        assert rule in known


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("days", [30, -1], ids="{}-days".format)
@pytest.mark.parametrize("handed_over", [False, True], ids=["here", "handed-over"])
def test_a_consent_that_stands_can_be_taken_back_however_the_report_stands(
    status, days, handed_over
):
    until = NOW + timedelta(days=days)
    without = domain.actions(status, until, NOW, handed_over=handed_over)
    with_it = domain.actions(status, until, NOW, consented=True, handed_over=handed_over)

    assert with_it == sorted([*without, Action.WITHDRAW_CONSENT])
    domain.permit(Action.WITHDRAW_CONSENT, status, until, NOW)


@pytest.mark.parametrize("status", Status)
def test_what_was_handed_over_takes_no_consent_to_that(status):
    before = domain.actions(status, NOW, NOW)
    after = domain.actions(status, NOW, NOW, handed_over=True)

    assert after == [action for action in before if action is not Action.CONSENT]


def test_intake_and_routing_know_the_same_statuses():
    assert {s.value for s in Status} == {s.value for s in life.Status}


@pytest.mark.parametrize(
    "accused", [some for n in range(3) for some in combinations(SEATS, n)], ids="-".join
)
@pytest.mark.parametrize("returns", [1, 2, 3])
def test_the_reporter_is_shown_the_arbiters_limit_when_it_runs_whoever_decides(accused, returns):
    disposed = {"disposed_at": NOW, "returns": returns - 1}
    before = case(life.Status.DISPOSED, complains_about=accused, **disposed)
    returned = cases.return_case(before, LIAISON, RULES)
    said = events.returned(returned, NOW, SEATS, agency="dpupr", proposed=None).data
    seen = {name: said[name] for name in domain.SHOWN["case.returned"]}

    shown = domain.clocks(Status.UNVERIFIED, (), [("case.disposed", {}), ("case.returned", seen)])
    runs = Clock.ARBITER in CLOCKWORK[happening("case.returned.v1", said)]

    assert ("A" in shown) is runs is (returns >= 2)
    assert cases.clock(returned) is (life.Clock.ARBITER if runs else life.Clock.FOLLOW_UP)


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("age", [0, 14, 15, 30, 31], ids="{}-days".format)
@pytest.mark.parametrize("decreed", [None, 14, 30], ids=["formerly", "14", "30"])
def test_intake_lets_through_what_routing_will_take(status, age, decreed):
    since, over = NOW - timedelta(days=age), status in allowance.OVER
    within = domain.FORMERLY_WITHIN if decreed is None else timedelta(days=decreed)
    told = since + within if over and decreed is not None else None
    stands = case(life.Status(status), ended_at=since if over else None, reopen_until=told)
    reporters = set(Action) - CONSENTING

    taken = {action for action in reporters if takes(stands, life.Action(action))}

    assert set(domain.actions(status, since + within, NOW)) - CONSENTING == taken


def takes(stands, action):
    if (stands.status, action) not in life.TRANSITIONS:
        return False  # to disagree is one verb for two actions
    try:
        perform(stands, action, life.REPORTER, NOW)
    except NotAllowed:
        return False
    return True


@pytest.mark.parametrize("status", [Status.ARCHIVED, Status.FORWARDED_EXTERNALLY])
def test_consent_to_what_was_set_aside_is_taken_as_long_as_an_objection_is(status):
    for days in (1, 0, -1):
        may = domain.actions(status, NOW + timedelta(days=days), NOW)
        assert (Action.CONSENT in may) is (Action.OBJECT in may)
    assert FORMERLY_WITHIN == domain.FORMERLY_WITHIN  # for so long it was offered


@pytest.mark.parametrize(
    ("happened", "follows"),
    [
        ("opened disposed", False),
        ("opened merged answered objected", True),
        ("opened closed merged followed_up", True),
        ("opened merged answered closed reopened", False),  # its own reporter ended that
        ("opened merged closed reopened merged", True),
    ],
)
def test_a_report_follows_another_until_its_own_reporter_ends_it(happened, follows):
    assert domain.follows(f"case.{what}" for what in happened.split()) is follows


@given(st.emails() | st.from_regex(schemas.EMAIL) | st.text(max_size=30))
def test_intake_takes_the_addresses_that_notify_can_send_to(email):
    taken = not schemas.Contact(only=["email"]).validate({"email": email})

    assert taken == is_mailable(email)


@pytest.mark.parametrize(
    ("reason", "is_told"),
    [
        ("paused", False),
        ("resumed", False),
        ("reclassified", True),
        ("calendar", True),
        ("limit", True),
        ("promise", True),
    ],
)
def test_a_limit_is_a_line_if_its_end_is_not_the_one_that_was_told(reason, is_told):
    assert domain.is_news("deadline.recomputed", {"reason": reason}) is is_told


@pytest.mark.parametrize(
    ("happened", "runs"),
    [
        ("opened disposed returned", True),
        ("opened disposed returned archived objected", True),
        ("opened disposed followed_up data_requested archived objected", False),
        ("opened disposed followed_up data_requested archived objected disposed returned", True),
        ("opened disposed answered closed reopened archived objected disposed returned", True),
    ],
)
def test_the_first_follow_up_is_due_while_no_agency_acted_since_it_was_given_to_one(happened, runs):
    told = [f"case.{what}" for what in happened.split()]
    shown = domain.clocks(Status.UNVERIFIED, (), [(what, {}) for what in told])

    assert ("F" in shown) is runs is runs_in_escalation(told)


def runs_in_escalation(told):
    """Whether F does, by the table of who counts it."""
    detail = {"awaited_from": "in_progress", "status": "unverified", "returns": 1}
    run, number = None, 0
    for what in (happening(f"{type}.v1", detail) for type in told):
        move = CLOCKWORK[what].get(Clock.FOLLOW_UP)
        if move and (begins := number_of_start(Clock.FOLLOW_UP, move, run, number, cycle=1)):
            run, number = Run(NOW), begins
        elif move and run:
            run = moved(run, move, NOW, set_aside=what in SET_ASIDE)
    return run is not None and run.stopped_at is None
