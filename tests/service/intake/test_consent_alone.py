"""A consent can be taken back by itself, at any time, however its report stands."""

from datetime import datetime, timedelta

import pytest

from tests.service.intake.conftest import key
from tests.service.intake.test_consenting import CONSENTED, PARTS, ask, consent, hear, said, seen
from tests.service.intake.test_insisting import fill, rule
from tests.service.intake.test_latecomers import ALONG, flags, hand_over, identify
from tests.service.intake.test_taking_back import ENDED, TAKEN_BACK, refuse, stood, told, withdraw

TAKE_BACK, OURS = "withdraw_consent", "reporter.withdraw_consent"


HOUR = timedelta(hours=1)


def moments(intake_db):
    """When what was said to escalation had happened, in the order in which it was said."""
    told = said(intake_db, CONSENTED, PARTS, TAKEN_BACK)
    return [datetime.fromisoformat(data["at"]) for data in told]


def take_back(api, receipt, **headers):
    return ask(api, receipt, "consent-withdrawal", **headers)


@pytest.mark.parametrize(
    ("happened", "status"),
    [
        ("answered", "answered"),
        ("closed", "closed"),
        ("archived", "archived"),
        ("forwarded", "forwarded_externally"),
    ],
)
@pytest.mark.parametrize("days", [0, 31])
def test_a_consent_ends_alone_whatever_the_report_waits_for(
    api, intake_db, receipt, worker, happened, status, days
):
    consent(api, receipt)
    hear(worker, receipt, f"case.{happened}.v1", status=status)
    intake_db.psql("UPDATE report SET reopen_until = now() - %s * interval '1 day'", [days - 30])
    before = seen(api, receipt)

    assert TAKE_BACK in before["actions"]
    assert take_back(api, receipt).status_code == 202

    after = seen(api, receipt)
    assert flags(intake_db) == (None, False)
    assert len(said(intake_db, TAKEN_BACK)) == 1
    assert said(intake_db, "report.withdrawn.v1") == []
    assert [entry["what"] for entry in after["timeline"]][-2:] == [OURS, ENDED]
    assert told(api, receipt)[0].endswith("the report itself stays as it is.")
    assert after["status"] == status
    assert after["actions"] == [action for action in before["actions"] if action != TAKE_BACK]


def test_it_is_offered_to_nobody_who_has_not_consented(api, receipt):
    assert TAKE_BACK not in seen(api, receipt)["actions"]


def test_sent_again_it_happens_once_and_said_again_it_is_taken_again(api, intake_db, receipt):
    """Of a consent that is not known here escalation may know: a restore may have taken it."""
    consent(api, receipt)
    once = key()
    first = take_back(api, receipt, **once)

    assert take_back(api, receipt, **once).json() == first.json()
    assert len(said(intake_db, TAKEN_BACK)) == 1
    assert take_back(api, receipt).status_code == 202
    assert len(said(intake_db, TAKEN_BACK)) == 2
    assert len(told(api, receipt)) == 1


def test_nothing_is_sealed_until_a_new_consent_which_seals_everything_again(
    api, intake_db, receipt, worker
):
    consent(api, receipt)
    take_back(api, receipt)
    ask(api, receipt, "supplements", {"text": "Kemarin banjir lagi."})
    hear(worker, receipt, "case.reply_written.v1")
    assert [part["part"] for part in said(intake_db, PARTS)] == ["report"]

    assert consent(api, receipt).status_code == 202

    parts = [part["part"] for part in said(intake_db, PARTS)]
    assert parts == ["report", "report", "addition", "reply"]
    types = [type for (type,) in intake_db.psql("SELECT type FROM outbox ORDER BY id")]
    about = [type for type in types if type in (CONSENTED, TAKEN_BACK)]
    assert about == [CONSENTED, TAKEN_BACK, CONSENTED]
    assert TAKE_BACK in seen(api, receipt)["actions"]


def test_after_the_hand_over_it_is_told_what_that_can_still_do(api, intake_db, receipt, worker):
    hand_over(worker, receipt, identify(api, intake_db, receipt), ALONG)
    assert TAKE_BACK in seen(api, receipt)["actions"]

    assert take_back(api, receipt).status_code == 202

    assert len(said(intake_db, TAKEN_BACK)) == 1
    [line] = told(api, receipt)
    assert line.startswith("The report had been handed over")


def test_a_hand_over_that_is_heard_of_later_brings_no_consent_back(api, intake_db, receipt, worker):
    used = identify(api, intake_db, receipt)
    take_back(api, receipt)

    hand_over(worker, receipt, used, ALONG)

    assert flags(intake_db) == (None, False)
    assert [line[:10] for line in told(api, receipt)] == ["Your conse", "The report"]


@pytest.mark.parametrize("how", ["consent-withdrawal", "withdrawal"])
def test_nor_does_one_by_a_consent_that_a_restore_has_taken_from_here(
    api, intake_db, receipt, worker, how
):
    used = identify(api, intake_db, receipt)
    intake_db.psql("UPDATE report SET consented_at = NULL, consent_form = false")
    intake_db.psql("DELETE FROM timeline_entry")
    assert ask(api, receipt, how, {}).status_code == 202

    hand_over(worker, receipt, used, ALONG)

    assert flags(intake_db) == (None, False)
    [line] = told(api, receipt)
    assert line.startswith("The report had been handed over")


def test_one_that_a_restore_has_taken_stands_once_it_is_heard_to_have_been_used(
    api, intake_db, receipt, worker
):
    take_back(api, receipt)
    used = identify(api, intake_db, receipt)
    intake_db.psql("UPDATE report SET consented_at = NULL, consent_form = false")
    intake_db.psql("DELETE FROM timeline_entry WHERE what LIKE 'reporter.consent%'")

    hand_over(worker, receipt, used, ALONG)

    assert flags(intake_db) == (used, True)
    assert TAKE_BACK in seen(api, receipt)["actions"]


def test_a_full_report_takes_it_once_after_each_consent(api, intake_db, receipt):
    fill(intake_db, receipt)
    for _ in range(2):
        consent(api, receipt)
        assert TAKE_BACK in seen(api, receipt)["actions"]
        assert take_back(api, receipt).status_code == 202
        assert rule(take_back(api, receipt)) == "most_requests"


def test_what_is_given_anew_is_said_to_be_later_though_a_clock_was_set_back(
    api, intake_db, receipt, worker, clock
):
    """Escalation takes nothing from before a consent was taken back."""
    consent(api, receipt)
    clock.move(HOUR)
    take_back(api, receipt)
    clock.reset()

    noted = consent(api, receipt).json()["noted_at"]
    ask(api, receipt, "supplements", {"text": "Kemarin banjir lagi."})
    hear(worker, receipt, "case.reply_written.v1")

    *_, end, report, again, addition, reply = moments(intake_db)
    assert end < report == again == addition == reply == datetime.fromisoformat(noted)
    [(here,)] = intake_db.psql("SELECT consented_at FROM report")
    assert here == again


@pytest.mark.parametrize("how", ["consent-withdrawal", "withdrawal", "refused"])
def test_so_is_the_end_of_a_consent_and_what_follows_it(
    api, intake_db, receipt, worker, clock, how
):
    """Else escalation would take the consent for a later one, and keep it."""
    clock.move(HOUR)
    consent(api, receipt)
    clock.reset()

    if how == "refused":
        withdraw(api, receipt)
        stood(intake_db)
        refuse(worker, receipt)
    else:
        assert ask(api, receipt, how, {}).status_code == 202
    consent(api, receipt)

    _, given, end, _, again = moments(intake_db)
    assert given < end < again
