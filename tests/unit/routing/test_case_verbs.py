"""What each verb keeps, sets and refuses beyond the table."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from chassis.errors import Forbidden, Invalid, NotAllowed
from services.routing import accepting, domain, rights
from services.routing.life import (
    LAST_SECOND,
    Action,
    Actor,
    ArchiveReason,
    Class,
    Closing,
    Kind,
    Outcome,
    Role,
    RoutingRule,
    Status,
)
from tests.unit.routing.acts import (
    ACTORS,
    ARBITER,
    COORDINATOR,
    LIAISON,
    NOW,
    RULES,
    STRANGER,
    SUPERVISOR,
    TEXT,
    case,
    refused,
)

# --- classes

WITA = ZoneInfo("Asia/Makassar")
LAST_DAY = datetime(2026, 4, 1, 23, 59, 59, tzinfo=UTC)  # thirty days after NOW


def test_a_complaint_needs_its_class_and_nothing_else_has_one():
    fresh = case(class_=None, verified_at=None)
    with pytest.raises(Invalid) as missing:
        domain.verify(fresh, COORDINATOR, NOW, RULES)
    assert refused(missing.value) == ("class", "required")

    question = case(kind=Kind.INFORMATION_REQUEST, class_=None, verified_at=None)
    with pytest.raises(Invalid) as surplus:
        domain.verify(question, COORDINATOR, NOW, RULES, class_=Class.ORDINARY)
    assert refused(surplus.value) == ("class", "complaint")


def test_verification_needs_a_category_from_the_reporter_or_the_officer():
    fresh = case(category=None, verified_at=None)
    with pytest.raises(Invalid) as missing:
        domain.verify(fresh, COORDINATOR, NOW, RULES, class_=Class.ORDINARY)
    assert refused(missing.value) == ("category", "required")


@pytest.mark.parametrize(
    ("given", "field"),
    [({"class_": Class.SUPERVISORY}, "class"), ({"category": "sampah"}, "category")],
)
def test_what_was_verified_is_only_reclassified_with_a_reason_that_its_reporter_is_told(
    given, field
):
    returned = case(returns=1, disposed_at=NOW)
    again = {"class_": Class.ORDINARY} | given
    with pytest.raises(Invalid) as other:
        domain.verify(returned, COORDINATOR, NOW, RULES, **again)
    assert refused(other.value) == (field, "verified")

    assert domain.verify(replace(returned, verified_at=None), COORDINATOR, NOW, RULES, **again)
    domain.verify(returned, COORDINATOR, NOW, RULES, class_=Class.ORDINARY, complains_about="dlh")


def test_reclassifying_to_another_kind_drops_the_class_and_back_asks_for_it():
    wish = domain.reclassify(case(), COORDINATOR, None, RULES, kind=Kind.ASPIRATION)
    assert (wish.kind, wish.class_) == (Kind.ASPIRATION, None)

    with pytest.raises(Invalid) as missing:
        domain.reclassify(wish, COORDINATOR, None, RULES, kind=Kind.COMPLAINT)
    assert refused(missing.value) == ("class", "required")


def test_reclassifying_must_change_something():
    with pytest.raises(Invalid) as idle:
        domain.reclassify(case(), COORDINATOR, None, RULES, class_=Class.ORDINARY)
    assert refused(idle.value) == ("kind", "change")


# --- never by the unit that it complains about


def test_the_unit_complained_about_never_handles_the_case():
    accused = case(complains_about=("dpupr",))
    for given in ({"agency": "dpupr"}, {"agency": "dishub", "supporting": ["dpupr"]}):
        with pytest.raises(Invalid) as wrong:
            domain.dispose(accused, COORDINATOR, NOW, **given)
        assert refused(wrong.value)[1] == "party"


@pytest.mark.parametrize(
    ("accused", "expected"),
    [("dpupr", Role.COORDINATOR), ("diskominfo", Role.ARBITER), ("setda", Role.COORDINATOR)],
)
def test_a_case_against_a_desk_goes_one_level_up(accused, expected):
    fresh = case(verified_at=None)
    verified = domain.verify(
        fresh, COORDINATOR, NOW, RULES, class_=Class.ORDINARY, complains_about=accused
    )
    assert verified.decider is expected


@pytest.mark.parametrize(
    ("kind", "named", "accused", "expected"),
    [
        (Kind.COMPLAINT, "diskominfo", ("diskominfo",), Role.ARBITER),
        (Kind.COMPLAINT, "setda", ("setda",), Role.COORDINATOR),
        (Kind.COMPLAINT, "inspektorat", ("inspektorat",), Role.COORDINATOR),
        (Kind.COMPLAINT, "dpupr", (), Role.COORDINATOR),
        (Kind.COMPLAINT, None, (), Role.COORDINATOR),
        (Kind.ASPIRATION, "diskominfo", (), Role.COORDINATOR),
    ],
)
def test_a_complaint_that_names_a_desk_starts_above_it(kind, named, accused, expected):
    fresh = domain.opened(case(kind=kind, class_=None, verified_at=None), named, RULES)
    assert (fresh.complains_about, fresh.decider) == (accused, expected)


@pytest.mark.parametrize(("named", "expected"), [("diskominfo", Role.ARBITER), ("dpupr", None)])
def test_what_becomes_a_complaint_goes_above_the_desk_it_names_and_never_back(named, expected):
    wish = case(kind=Kind.ASPIRATION, class_=None)
    kinds = {"kind": Kind.COMPLAINT, "class_": Class.ORDINARY}
    complaint = domain.reclassify(wish, COORDINATOR, named, RULES, **kinds)
    assert complaint.complains_about == ((named,) if expected else ())

    decider = ARBITER if expected else COORDINATOR
    back = domain.reclassify(complaint, decider, named, RULES, kind=Kind.ASPIRATION)
    assert back.complains_about == complaint.complains_about
    assert back.decider is complaint.decider is decider.role


def test_a_further_verification_lets_nobody_out_of_the_complaint():
    accused = case(complains_about=("dpupr", "diskominfo"), decider=Role.ARBITER)
    for again in ("dlh", "dpupr", None):
        accused = domain.verify(
            accused, ARBITER, NOW, RULES, class_=Class.ORDINARY, complains_about=again
        )

    assert accused.complains_about == ("dpupr", "diskominfo", "dlh")
    assert accused.decider is Role.ARBITER
    assert not rights.sees(COORDINATOR, accused)


def test_a_second_return_of_a_case_against_the_arbiter_goes_to_the_inspectorate():
    once = case(Status.DISPOSED, complains_about=("setda",), returns=1)
    assert domain.return_case(once, LIAISON, RULES).decider is Role.SUPERVISOR


def test_a_case_against_every_desk_is_refused_and_not_orphaned():
    hopeless = case(verified_at=None, complains_about=("diskominfo", "setda", "inspektorat"))
    with pytest.raises(Invalid):
        rights.decider(hopeless, RULES)


@pytest.mark.parametrize("actor", [a for a in ACTORS if a.agency])
@pytest.mark.parametrize("status", list(Status))
def test_its_officers_neither_see_it_nor_touch_it(actor, status):
    against = case(status, agency=actor.agency, complains_about=(actor.agency,))
    assert not rights.sees(actor, against)
    assert rights.allowed(actor, against) == []


# --- only own cases


def test_an_agency_sees_only_what_it_leads_or_supports():
    disposed = case(Status.DISPOSED, supporting=("dlh",))
    seen = {a.agency for a in ACTORS if a.agency and rights.sees(a, disposed)}

    assert seen == {"dpupr", "diskominfo", "setda", "inspektorat"}
    assert rights.sees(Actor(Role.LIAISON, "dlh"), disposed)
    assert not rights.sees(LIAISON, case(Status.UNVERIFIED))


def test_a_supporting_agency_may_look_and_not_act():
    supporter = Actor(Role.LIAISON, "dlh")
    assert rights.allowed(supporter, case(Status.DISPOSED, supporting=("dlh",))) == []


def test_a_desk_that_leads_a_case_acts_as_its_agency():
    own = case(Status.DISPOSED, agency="diskominfo")
    assert Action.FOLLOW_UP in rights.allowed(COORDINATOR, own)


# --- disposition and return


def test_nothing_is_disposed_before_it_is_verified():
    with pytest.raises(NotAllowed):
        domain.dispose(case(verified_at=None), COORDINATOR, NOW, agency="dpupr")


def test_the_lead_does_not_support_itself_and_supporters_count_once():
    with pytest.raises(Invalid):
        domain.dispose(case(), COORDINATOR, NOW, agency="dpupr", supporting=["dpupr"])
    twice = domain.dispose(case(), COORDINATOR, NOW, agency="dpupr", supporting=["dlh", "dlh"])
    assert twice.supporting == ("dlh",)


def test_the_second_return_is_only_the_arbiters_to_decide():
    once = domain.return_case(case(Status.DISPOSED), LIAISON, RULES, proposed="dishub")
    assert (once.returns, once.decider, once.agency) == (1, Role.COORDINATOR, None)

    again = domain.dispose(once, COORDINATOR, NOW, agency="dishub", supporting=["dlh"])
    twice = domain.return_case(again, STRANGER, RULES, proposed="dpupr")
    assert (twice.returns, twice.decider, twice.supporting) == (2, Role.ARBITER, ())
    for actor in (COORDINATOR, SUPERVISOR):
        with pytest.raises(Forbidden):
            domain.dispose(twice, actor, NOW, agency="dpupr")
    assert domain.dispose(twice, ARBITER, NOW, agency="dpupr").status is Status.DISPOSED


def test_what_is_disposed_after_a_return_has_waited_since_the_first_disposition():
    """So runs F, and so the delay until the first follow-up is measured."""
    first = domain.dispose(case(), COORDINATOR, NOW, agency="dpupr")
    returned = domain.return_case(first, LIAISON, RULES)
    later = NOW + timedelta(days=7)
    assert domain.dispose(returned, COORDINATOR, later, agency="dishub").disposed_at == NOW

    archived = case(Status.ARCHIVED, disposed_at=NOW)  # with an agency that had asked in vain
    _, anew = domain.disagree(archived, NOW, RULES)
    assert domain.dispose(anew, COORDINATOR, later, agency="dpupr").disposed_at == later


def test_an_agency_cannot_propose_itself():
    with pytest.raises(Invalid):
        domain.return_case(case(Status.DISPOSED), LIAISON, RULES, proposed="dpupr")


# --- words of substance

COURTESIES = (
    "Terima kasih, akan kami teruskan.",
    "terima kasih terima kasih kami teruskan !!!",
    "TERIMA KASIH - kami teruskan.",
    "Ok.",
    ". . . . . . . . . . . . . . . . . . . . .",
)


@pytest.mark.parametrize("text", COURTESIES)
def test_an_acknowledgement_is_not_a_follow_up_nor_an_answer(text):
    with pytest.raises(Invalid) as empty:
        domain.follow_up(case(Status.DISPOSED), LIAISON, RULES, text=text)
    assert refused(empty.value) == ("text", "substance")
    with pytest.raises(Invalid):
        domain.answer(
            case(Status.IN_PROGRESS), LIAISON, RULES, outcome=Outcome.FULFILLED, text=text
        )


def test_courtesy_may_stand_beside_substance():
    domain.check_substance(f"Terima kasih. {TEXT}", RULES)
    with pytest.raises(Invalid):
        domain.check_substance("x" * (RULES.letters - 1), RULES)
    domain.check_substance("x" * RULES.letters, RULES)


# --- archive


def test_incomplete_is_a_reason_only_after_asking():
    with pytest.raises(Invalid) as early:
        domain.archive(case(), COORDINATOR, NOW, RULES, reason=ArchiveReason.INCOMPLETE)
    assert refused(early.value) == ("reason", "asked_first")
    domain.archive(case(questions=1), COORDINATOR, NOW, RULES, reason=ArchiveReason.INCOMPLETE)


def test_who_objects_to_an_archiving_as_incomplete_is_asked_again_before_another():
    """They may have objected with what was missing."""
    waiting = case(Status.AWAITING_REPORTER, awaited_from=Status.UNVERIFIED, questions=1)
    silent = domain.give_up(waiting, NOW, RULES, due_at=NOW + timedelta(days=30))
    _, back = domain.disagree(silent, NOW, RULES)
    with pytest.raises(Invalid) as unasked:
        domain.archive(back, COORDINATOR, NOW, RULES, reason=ArchiveReason.INCOMPLETE)
    assert refused(unasked.value) == ("reason", "asked_first")


def test_a_late_reply_of_the_clock_does_not_archive_a_newer_question():
    waiting = case(Status.AWAITING_REPORTER, asked_at=NOW)
    with pytest.raises(NotAllowed):
        domain.give_up(waiting, NOW, RULES, due_at=NOW - timedelta(days=1))
    ended = domain.give_up(waiting, NOW, RULES, due_at=NOW + timedelta(days=30))
    assert ended.archive_reason is ArchiveReason.INCOMPLETE


# --- the reporter's turn


def test_an_objection_starts_a_new_round_and_clears_the_answer():
    answered = case(Status.ANSWERED, outcome=Outcome.EXPLAINED)
    action, back = domain.disagree(answered, NOW, RULES)
    assert action is Action.OBJECT
    assert (back.status, back.cycle, back.objections) == (Status.IN_PROGRESS, 2, 1)
    assert back.outcome is None


@pytest.mark.parametrize("how", list(Closing))
def test_an_objection_to_a_closed_case_reopens_it(how):
    closed = case(Status.CLOSED, closed_how=how)
    action, back = domain.disagree(closed, LAST_DAY, RULES)
    assert action is Action.REOPEN
    assert (back.status, back.cycle, back.objections) == (Status.IN_PROGRESS, 2, 0)
    assert back.ended_at is back.closed_how is None


def test_a_mark_is_for_the_answer_that_was_given_and_not_for_the_next():
    """Or silence after the next would be five stars."""
    content = accepting.rate(accepting.accept(case(Status.ANSWERED), NOW, RULES), 5)
    _, reopened = domain.disagree(content, NOW, RULES)
    again = domain.answer(reopened, LIAISON, RULES, outcome=Outcome.EXPLAINED, text=TEXT)
    silent = domain.auto_close(again, NOW, RULES, cycle=2)
    assert (silent.closed_how, silent.stars) == (Closing.AUTO_CLOSED, None)


@pytest.mark.parametrize("status", [Status.CLOSED, Status.ARCHIVED, Status.FORWARDED])
def test_after_thirty_days_it_is_too_late(status):
    with pytest.raises(domain.TooLate):
        domain.disagree(case(status), LAST_DAY + timedelta(seconds=1), RULES)


@pytest.mark.parametrize("days", [14, 45])
def test_how_long_it_may_be_taken_up_again_is_settled_when_it_ends(days):
    """By what holds then: its reporter is told so, and another decree takes nothing back."""
    ended = accepting.accept(case(Status.ANSWERED), NOW, replace(RULES, reopen_days=days))
    last = (NOW + timedelta(days=days)).date()
    assert ended.reopen_until == datetime.combine(last, LAST_SECOND, UTC)

    _, back = domain.disagree(ended, ended.reopen_until, RULES)
    assert back.reopen_until is None
    with pytest.raises(domain.TooLate):
        domain.disagree(ended, ended.reopen_until + timedelta(microseconds=1), RULES)


def test_the_last_day_to_have_it_taken_up_again_is_a_whole_day_there():
    """What was closed in the first minute of a day in Kotabaru has the thirtieth as well."""
    midnight = datetime(2026, 12, 19, 0, 0, 5, tzinfo=WITA)
    ended = accepting.accept(case(Status.ANSWERED), midnight, replace(RULES, zone=WITA))
    assert ended.reopen_until == datetime(2027, 1, 18, 23, 59, 59, tzinfo=WITA)


def test_an_objection_to_archiving_puts_the_case_back_on_the_desk():
    archived = case(Status.ARCHIVED, archive_reason=ArchiveReason.TOO_GENERAL, supporting=("dlh",))
    _, back = domain.disagree(archived, NOW, RULES)
    assert (back.status, back.agency, back.supporting) == (Status.UNVERIFIED, None, ())
    assert back.archive_reason is None


def test_silence_is_not_acceptance_afterwards_either():
    with pytest.raises(domain.TooLate):
        accepting.accept(case(Status.CLOSED, closed_how=Closing.AUTO_CLOSED), NOW, RULES)


def test_the_clock_of_an_earlier_round_closes_nothing():
    with pytest.raises(NotAllowed):
        domain.auto_close(case(Status.ANSWERED, cycle=2), NOW, RULES, cycle=1)
    closed = domain.auto_close(case(Status.ANSWERED, cycle=2), NOW, RULES, cycle=2)
    assert closed.closed_how is Closing.AUTO_CLOSED


# --- suggestions

MARCH = date(2026, 3, 2)


def test_the_first_rule_that_matches_wins_on_its_day():
    rules = [
        RoutingRule(1, "old", category="jalan-jembatan", effective_to=date(2025, 12, 31)),
        RoutingRule(2, "next", category="jalan-jembatan", effective_from=date(2026, 4, 1)),
        RoutingRule(3, "other", category="jalan-jembatan", district="63.02.02"),
        RoutingRule(4, "camat", category="jalan-jembatan", district="63.02.01"),
        RoutingRule(5, "dpupr", category="jalan-jembatan"),
    ]
    assert domain.suggest(case(), "63.02.01", rules, MARCH) == rules[3]
    assert domain.suggest(case(category="sampah"), "63.02.01", rules, MARCH) is None


def test_the_unit_complained_about_is_not_suggested():
    rules = [RoutingRule(1, "dpupr"), RoutingRule(2, "inspektorat", class_=Class.ORDINARY)]
    accused = case(complains_about=("dpupr",))
    assert domain.suggest(accused, "63.02.01", rules, MARCH) == rules[1]
