"""One report takes much of its reporter, not everything; what the office awaits it always takes."""

import pytest

from chassis.errors import NotAllowed
from services.intake import allowance, schemas
from services.intake.allowance import MOST_CHARACTERS, MOST_CONSENTS, MOST_REQUESTS, Limit, Line
from services.intake.domain import ACTIONS, Action, Status

ADDED = Line("reporter.supplement", 100)
FULL = [Line("case.opened"), *[ADDED] * MOST_REQUESTS]
LONG = [Line("reporter.supplement", schemas.WORDS)] * (MOST_CHARACTERS // schemas.WORDS)
CONSENTED = Line("reporter.consent_to_escalation", with_form=True)
REQUESTS = [a for a in Action if a not in (Action.CONSENT, Action.REPLACE_CONTACT)]


def exceeded(timeline, action=Action.SUPPLEMENT, status=Status.IN_PROGRESS, characters=1):
    return allowance.exceeded(timeline, action, status, characters)


def test_the_last_request_is_taken_and_the_next_one_is_not():
    assert exceeded(FULL[:-1]) is None
    assert exceeded(FULL) is Limit.REQUESTS


def test_characters_are_counted_in_all_words_together():
    said = [Line("reporter.object", 200), *LONG[:-1], Line("reporter.withdraw", 300)]

    assert exceeded(said, characters=schemas.WORDS - 500) is None
    assert exceeded(said, characters=schemas.WORDS - 499) is Limit.CHARACTERS


def test_what_others_did_and_consents_take_no_room():
    others = [Line("case.followed_up", 5_000), CONSENTED, Line("deadline.passed")] * MOST_REQUESTS

    assert exceeded(others, characters=schemas.WORDS) is None


@pytest.mark.parametrize("timeline", [FULL, LONG], ids=["full", "long"])
def test_each_question_takes_one_answer_all_the_same(timeline):
    asked = [*timeline, Line("case.data_requested")]
    answered = [*asked, ADDED]

    assert exceeded(asked, status=Status.AWAITING_REPORTER, characters=schemas.WORDS) is None
    assert exceeded(answered, status=Status.AWAITING_REPORTER)
    again = [*answered, Line("case.resumed"), Line("case.data_requested")]
    assert exceeded(again, status=Status.AWAITING_REPORTER) is None


def test_a_step_that_asks_nothing_takes_no_addition():
    assert exceeded([*FULL, Line("case.followed_up")]) is Limit.REQUESTS


@pytest.mark.parametrize("action", [a for a in REQUESTS if a is not Action.SUPPLEMENT])
def test_one_request_of_a_kind_is_taken_after_each_step_and_none_after_a_refusal(action):
    status = next(s for s in Status if action in ACTIONS[s] | {Action.WITHDRAW_CONSENT})
    moved = [*FULL, Line("case.answered")]
    asked = [*moved, Line(f"reporter.{action}"), Line("deadline.passed")]

    assert exceeded(moved, action, status) is None
    assert exceeded(asked, action, status) is Limit.REQUESTS
    assert exceeded([*asked, Line("case.refused")], action, status) is Limit.REQUESTS
    assert exceeded([*asked, Line("case.closed")], action, status) is None


@pytest.mark.parametrize("action", REQUESTS)
def test_every_kind_of_request_fills_the_report(action):
    assert exceeded([Line(f"reporter.{action}")] * MOST_REQUESTS) is Limit.REQUESTS


@pytest.mark.parametrize("action", [Action.WITHDRAW, Action.WITHDRAW_CONSENT])
def test_each_consent_can_be_taken_back_once_in_a_full_report(action):
    taken = Line(f"reporter.{action}")
    again = [*FULL, CONSENTED, taken, CONSENTED]

    assert exceeded([*FULL, taken], action) is Limit.REQUESTS
    assert exceeded([*FULL, taken, CONSENTED], action) is None
    assert exceeded(again, action) is None
    assert exceeded([*again, taken], action) is Limit.REQUESTS


def test_consents_are_counted_since_the_report_was_last_over():
    given = [CONSENTED] * MOST_CONSENTS

    assert exceeded(given[1:], Action.CONSENT) is None
    assert exceeded(given, Action.CONSENT) is Limit.CONSENTS
    assert exceeded([*given, Line("case.objected")], Action.CONSENT) is Limit.CONSENTS
    assert exceeded([*given, Line("case.archived")], Action.CONSENT) is None
    assert exceeded([*FULL, *LONG], Action.CONSENT) is None


@pytest.mark.parametrize(
    ("timeline", "action", "rule"),
    [
        (FULL, Action.SUPPLEMENT, "most_requests"),
        (LONG, Action.SUPPLEMENT, "most_characters"),
        ([CONSENTED] * MOST_CONSENTS, Action.CONSENT, "most_consents"),
    ],
)
def test_a_refusal_names_its_rule_and_says_what_to_do_in_both_languages(timeline, action, rule):
    with pytest.raises(NotAllowed) as refused:
        allowance.check(timeline, action, Status.IN_PROGRESS, 1, "text")

    [error] = refused.value.errors
    assert (error["field"], error["rule"]) == ("text", rule)
    indonesian, english = error["message"].split(" / ")
    assert "Anda" in indonesian or "Ombudsman" in indonesian
    assert "you" in english
    assert "huruf" not in indonesian  # blanks and digits count as well
