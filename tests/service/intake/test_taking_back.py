"""A consent ends when its report is taken back, also where the case goes on for others."""

from services.intake.allowance import MOST_CONSENTS
from services.intake.events import instant
from tests.harness.programs import run_command
from tests.service.intake.test_consenting import CONSENTED, PARTS, ask, consent, hear, said, seen
from tests.service.intake.test_insisting import fill, rule
from tests.service.intake.test_latecomers import ALONG, agree, flags, hand_over, identify

TAKEN_BACK = "report.consent_withdrawn.v1"
ENDED = "consent.ended"


def withdraw(api, receipt, **why):
    return ask(api, receipt, "withdrawal", why)


def refuse(worker, receipt, sequence=1):
    """Routing refuses, for others' reports follow the case."""
    told = {"action": "withdraw", "reason_code": "others_follow", "status": "in_progress"}
    told["at"] = instant(worker.clock.now())
    hear(worker, receipt, "case.refused.v1", sequence, **told)


def told(api, receipt):
    """What the timeline says of consents that ended, in English."""
    return [e["detail"]["en"] for e in seen(api, receipt)["timeline"] if e["what"] == ENDED]


def test_a_withdrawal_ends_the_consent_though_others_follow(api, intake_db, receipt, worker):
    consent(api, receipt)

    assert withdraw(api, receipt).status_code == 202
    assert flags(intake_db) == (None, False)
    assert len(said(intake_db, TAKEN_BACK)) == 1
    refuse(worker, receipt)

    rules = {r["rule"]: r for r in ask(api, receipt, "escalation-check").json()["rules"]}
    assert rules["consent"]["holds"] is False
    shown = seen(api, receipt)
    lines = [(e["what"], e["detail"]) for e in shown["timeline"]][-3:]
    assert [what for what, _ in lines] == ["reporter.withdraw", ENDED, "case.refused"]
    assert lines[2][1] == {"action": "withdraw", "reason_code": "others_follow"}
    assert "whatever becomes of the report" in lines[1][1]["en"]
    assert "apa pun" in lines[1][1]["id"]
    assert "consent_to_escalation" in shown["actions"]


def test_nothing_is_sealed_any_more(api, intake_db, receipt, worker):
    consent(api, receipt)
    withdraw(api, receipt)
    refuse(worker, receipt)
    ask(api, receipt, "supplements", {"text": "Kemarin banjir lagi."})
    hear(worker, receipt, "case.reply_written.v1")

    assert [part["part"] for part in said(intake_db, PARTS)] == ["report"]


def test_each_withdrawal_is_said_and_the_end_of_a_consent_told_where_one_stood(
    api, intake_db, receipt
):
    """Escalation may know of a consent that a restore has taken from here."""
    withdraw(api, receipt)
    consent(api, receipt)
    withdraw(api, receipt)
    intake_db.psql("UPDATE timeline_entry SET at = at - interval '2 minutes'")  # no two clicks
    withdraw(api, receipt)

    assert len(said(intake_db, TAKEN_BACK)) == 3
    assert len(told(api, receipt)) == 1


def test_who_consents_again_has_everything_sealed_again(api, intake_db, receipt, worker):
    """What was sealed before is erased."""
    consent(api, receipt)
    withdraw(api, receipt)
    refuse(worker, receipt)
    ask(api, receipt, "supplements", {"text": "Kemarin banjir lagi."})

    assert consent(api, receipt).status_code == 202

    parts = [part["part"] for part in said(intake_db, PARTS)]
    assert parts == ["report", "report", "addition"]
    assert flags(intake_db)[1] is True
    types = [t for (t,) in intake_db.psql("SELECT type FROM outbox ORDER BY id")]
    about = [t for t in types if t in (CONSENTED, TAKEN_BACK)]
    assert about == [CONSENTED, TAKEN_BACK, CONSENTED]


def test_of_a_report_that_was_handed_over_it_is_told_what_that_can_still_do(
    api, intake_db, receipt, worker
):
    hand_over(worker, receipt, identify(api, intake_db, receipt), ALONG)

    withdraw(api, receipt)

    assert len(said(intake_db, TAKEN_BACK)) == 1
    [line] = told(api, receipt)
    assert line.startswith("The report had been handed over")


def test_a_hand_over_that_is_heard_of_after_the_withdrawal_brings_no_consent_back(
    api, intake_db, receipt, worker
):
    used = identify(api, intake_db, receipt)
    withdraw(api, receipt)
    refuse(worker, receipt)

    hand_over(worker, receipt, used, ALONG)

    assert flags(intake_db) == (None, False)
    assert [line[:10] for line in told(api, receipt)] == ["Your conse", "The report"]


def test_a_consent_that_came_after_both_did_not_go_along(api, intake_db, receipt, worker):
    """What had gone along was erased."""
    used = identify(api, intake_db, receipt)
    withdraw(api, receipt)
    identify(api, intake_db, receipt)

    hand_over(worker, receipt, used, ALONG)

    last = seen(api, receipt)["timeline"][-1]
    assert (last["what"], last["detail"]["form"], last["detail"]["words"]) == (
        "escalation.left_behind", True, 1,
    )  # fmt: skip
    assert flags(intake_db) == (None, False)


def test_one_that_the_hand_over_rests_on_stands(api, intake_db, receipt, worker):
    agree(api, intake_db, receipt)
    withdraw(api, receipt)
    used = identify(api, intake_db, receipt)

    hand_over(worker, receipt, used, ALONG)

    assert flags(intake_db) == (used, True)
    assert len(told(api, receipt)) == 1


def test_each_consent_can_be_taken_back_once_however_full_the_report_is(
    api, intake_db, receipt, worker
):
    fill(intake_db, receipt)
    for _ in range(MOST_CONSENTS):
        assert consent(api, receipt).status_code == 202
        assert withdraw(api, receipt).status_code == 202
        assert rule(withdraw(api, receipt, reason="Sudah baik.")) == "most_requests"

    refused = consent(api, receipt)
    assert rule(refused) == "most_consents"
    assert "what you said last of it holds" in refused.json()["errors"][0]["message"]
    assert flags(intake_db) == (None, False)


def stood(intake_db):
    """As a withdrawal left it before 2026-11-30: only routing was asked."""
    intake_db.psql(
        "UPDATE report SET consent_form = true, consented_at ="
        " (SELECT max(at) FROM timeline_entry WHERE what = 'reporter.consent_to_escalation')"
    )
    intake_db.psql("DELETE FROM outbox WHERE type = %s", [TAKEN_BACK])
    intake_db.psql("DELETE FROM timeline_entry WHERE what = %s", [ENDED])


def test_a_withdrawal_that_an_older_version_took_ends_the_consent_when_it_is_refused(
    api, intake_db, receipt, worker
):
    consent(api, receipt)
    withdraw(api, receipt)
    stood(intake_db)

    refuse(worker, receipt)

    assert flags(intake_db) == (None, False)
    assert len(said(intake_db, TAKEN_BACK)) == len(told(api, receipt)) == 1
    consent(api, receipt)
    refuse(worker, receipt, sequence=2)
    assert flags(intake_db)[1] is True, "that one is later"


def test_what_was_refused_before_is_ended_by_a_command(api, intake_db, receipt, surroundings):
    consent(api, receipt)
    withdraw(api, receipt)
    stood(intake_db)

    for ended in (1, 0):
        assert end_consents(intake_db, surroundings) == f"ended {ended} consents\n"

    assert flags(intake_db) == (None, False)
    assert len(said(intake_db, TAKEN_BACK)) == len(told(api, receipt)) == 1
    consent(api, receipt)
    assert end_consents(intake_db, surroundings) == "ended 0 consents\n"


def end_consents(intake_db, surroundings):
    environment = surroundings.environment("intake", DATABASE_URL=intake_db.url)
    ran = run_command("intake", "end-consents", env=environment)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_of_a_hand_over_that_came_first_escalation_is_asked_to_erase_what_it_had_kept(
    api, intake_db, receipt, worker
):
    """The reporter had withdrawn, and an older version had told routing alone."""
    consented = identify(api, intake_db, receipt)
    withdraw(api, receipt)
    stood(intake_db)

    hand_over(worker, receipt, consented, ALONG)

    assert len(said(intake_db, TAKEN_BACK)) == 1
    [line] = told(api, receipt)
    assert line.startswith("The report had been handed over")
