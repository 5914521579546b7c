"""Who takes a report back is handed over to nobody, whatever becomes of the case."""

from datetime import UTC, datetime

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from chassis.events import EPOCH
from chassis.inbox import ANYBODY
from services.escalation.ombudsman import feed, parts
from services.escalation.watch import watching
from tests.service.escalation.test_dossiers import CONSENT, WORDS, consent, held, sealed, stored
from tests.service.escalation.tower import NUMBER, Tower, local

TAKEN_BACK = "report.consent_withdrawn.v1"
PASSED = "2027-01-02 10:00"
LATER = "2027-01-20 10:00"
ENDED = "feed.case.consent_ended.v1"
BEFORE = local("2026-11-03 10:00").astimezone(UTC)


def begin_epoch(tower: Tower) -> None:
    """Intake numbers anew, as after a restore."""
    tower.stream.number_from(TAKEN_BACK, NUMBER, EPOCH + 1)


def consents(tower: Tower) -> int:
    return tower.count("SELECT count(*) FROM consent")


def ended(tower: Tower) -> list[dict[str, str]]:
    """What the hand-overs' stream tells of consents that ended."""
    tower.append()
    return [e["data"] for e in tower.entries("handovers") if e["type"] == ENDED]


def ended_at(tower: Tower) -> list[tuple[datetime | None]]:
    """When the consent of each dossier did."""
    return tower.database.psql("SELECT consent_ended_at FROM dossier")


def facts_alone(tower: Tower) -> None:
    """Handed over without the form: nothing was sealed."""
    tower.begin_work()
    tower.hear(CONSENT, sealed=None, key_id=None, sha256=None)
    tower.at(PASSED).sweep()


@pytest.mark.parametrize("by", [TAKEN_BACK, "case.withdrawn.v1"], ids=["alone", "with the report"])
def test_the_ombudsman_is_told_of_the_end_also_where_nothing_was_sealed(
    tower: Tower, by: str
) -> None:
    facts_alone(tower)
    assert (ended(tower), ended_at(tower)) == ([], [(None,)])

    tower.at(LATER).hear(by)

    assert ended(tower) == [{"at": "2027-01-20T02:00:00Z"}]
    assert ended_at(tower) == [(local(LATER),)]
    assert tower.count("SELECT count(*) FROM dossier WHERE erased_at IS NULL") == 1


def test_it_is_told_once_though_the_end_and_the_withdrawal_are_both_heard(tower: Tower) -> None:
    """Intake says the end with each withdrawal, whatever becomes of that."""
    facts_alone(tower)

    tower.at(LATER).hear(TAKEN_BACK)
    tower.at("2027-01-20 10:05").hear("case.withdrawn.v1")
    tower.hear(TAKEN_BACK)

    assert ended(tower) == [{"at": "2027-01-20T02:00:00Z"}]


def test_also_after_an_operator_has_erased_what_was_sealed(tower: Tower) -> None:
    tower.begin_work()
    consent(tower)
    tower.at(PASSED).sweep()
    with tower.db.begin() as tx:
        assert parts.erase_one(tx, NUMBER, tower.clock.now()) == 4
    assert ended(tower) == []

    tower.at(LATER).hear(TAKEN_BACK)

    assert ended(tower) == [{"at": "2027-01-20T02:00:00Z"}]


def test_of_what_was_never_handed_over_no_end_is_told(tower: Tower) -> None:
    tower.begin_work()
    consent(tower)
    tower.hear(TAKEN_BACK)

    assert ended(tower) == []


def test_no_answer_is_waited_for_once_the_consent_has_ended(tower: Tower) -> None:
    def shown(name: str, **labels: str) -> float | None:
        with tower.db.begin() as tx:
            watching.show_handovers(tx, tower.clock.now())
        return REGISTRY.get_sample_value(f"lapor_escalation_{name}", labels)

    facts_alone(tower)
    tower.at(LATER)
    assert shown("unanswered_handover_seconds") == 18 * 86400

    tower.hear(TAKEN_BACK)

    assert shown("unanswered_handover_seconds") == shown("handovers", answer="none") == 0
    assert shown("handovers", answer="consent_ended") == 1


def test_a_case_that_goes_on_for_others_is_not_handed_over_any_more(tower: Tower) -> None:
    """Routing refuses the withdrawal, for others' reports follow the case."""
    tower.begin_work()
    consent(tower)

    assert tower.hear(TAKEN_BACK) == "done"
    tower.hear("case.refused.v1", action="withdraw", reason_code="others_follow")
    tower.at(PASSED).sweep()
    tower.append()

    assert (held(tower), consents(tower)) == ([], 0)
    assert tower.entries("handovers") == []
    assert tower.count("SELECT count(*) FROM dossier") == 0


def test_nor_one_whose_hand_over_was_due_already(tower: Tower) -> None:
    tower.begin_work()
    tower.at(PASSED).sweep()
    consent(tower)

    tower.hear(TAKEN_BACK)
    tower.at("2027-01-02 10:00:05").sweep()

    assert tower.count("SELECT count(*) FROM dossier") == 0


@pytest.mark.parametrize("case", ["unknown", "withdrawn before", "withdrawn after", "again"])
def test_it_does_not_matter_when_it_comes(tower: Tower, case: str) -> None:
    """It comes in another stream than what becomes of the case."""
    if case != "unknown":
        tower.begin_work()
    consent(tower)
    if case == "withdrawn before":
        tower.hear("case.withdrawn.v1")

    assert tower.hear(TAKEN_BACK) == "done"

    if case == "unknown":
        tower.begin_work()
    elif case == "withdrawn after":
        tower.hear("case.withdrawn.v1")
    elif case == "again":
        assert tower.hear(TAKEN_BACK) == "done"
    tower.at(PASSED).sweep()
    assert (held(tower), consents(tower)) == ([], 0)
    assert tower.count("SELECT count(*) FROM dossier") == 0


def test_of_a_case_that_was_handed_over_what_was_sealed_is_erased_and_the_proof_stays(
    tower: Tower,
) -> None:
    tower.begin_work()
    consent(tower)
    tower.at(PASSED).sweep()
    tower.append()
    before = stored(tower)

    tower.hear(TAKEN_BACK)

    assert (held(tower), stored(tower)) == ([], before)
    assert tower.count("SELECT count(*) FROM dossier WHERE erased_at IS NOT NULL") == 1
    with tower.db.begin() as tx:
        assert feed.verify(tx, "handovers") == (1, None)


def test_one_that_answers_no_consent_is_taken(tower: Tower) -> None:
    """Intake says each withdrawal."""
    assert tower.hear(TAKEN_BACK) == "done"
    tower.begin_work()
    assert tower.hear(TAKEN_BACK) == "done"
    consent(tower.at("2026-11-03 10:00"))
    tower.at(PASSED).sweep()

    assert tower.count("SELECT count(*) FROM dossier") == 1, "that one is later"


@pytest.mark.parametrize("again", [False, True], ids=["once", "consented again"])
def test_no_consent_from_before_it_holds_however_late_it_is_heard_of(
    tower: Tower, again: bool
) -> None:
    """It waited for what was lost when intake was restored, and began a new epoch."""
    tower.begin_work()
    tower.at("2026-11-03 10:00")
    tower.stream.body(CONSENT, NUMBER, tower.clock.at)  # is never heard of
    part = tower.stream.body(WORDS, NUMBER, tower.clock.at, part="report", **sealed("report"))
    given = tower.stream.body(CONSENT, NUMBER, tower.clock.at, **sealed("identity"))
    assert [tower.receive(body) for body in (part, given)] == ["waiting", "waiting"]

    begin_epoch(tower)
    tower.at("2026-11-04 10:00").hear(TAKEN_BACK)
    if again:
        tower.at("2026-11-05 10:00").hear(CONSENT, sealed=None, key_id=None, sha256=None)
    tower.retry()

    assert tower.count("SELECT count(*) FROM inbox WHERE state <> 'done'") == 0
    newest = [(local("2026-11-05 10:00"),)] if again else []
    assert (held(tower), tower.database.psql("SELECT at FROM consent")) == ([], newest)


@pytest.mark.parametrize("given", ["form", "facts", "words"])
@pytest.mark.parametrize("over", [False, True], ids=["goes on", "handed over"])
def test_it_ends_none_that_was_given_after_it_however_late_it_is_heard_of(
    tower: Tower, given: str, over: bool
) -> None:
    """It waited for what was lost when intake was restored, and began a new epoch."""
    tower.begin_work()
    tower.at("2026-11-03 10:00")
    consent(tower)
    tower.stream.body(CONSENT, NUMBER, tower.clock.at)  # is never heard of
    tower.at("2026-11-04 10:00")
    wish = tower.stream.body(TAKEN_BACK, NUMBER, tower.clock.at)
    assert tower.receive(wish) == "waiting"

    begin_epoch(tower)
    tower.at("2026-11-05 10:00")
    if given != "facts":
        tower.hear(WORDS, part="report", **sealed("report"))
    if given == "form":
        tower.hear(CONSENT, **sealed("identity"))
    elif given == "facts":
        tower.hear(CONSENT, sealed=None, key_id=None, sha256=None)
    if over:
        tower.at(PASSED).sweep()
    tower.retry()

    assert tower.count("SELECT count(*) FROM inbox WHERE state <> 'done'") == 0
    kept = {"form": ["report", "identity"], "facts": [], "words": ["report"]}[given]
    assert held(tower) == kept
    newest = [] if given == "words" else [(local("2026-11-05 10:00"),)]
    assert tower.database.psql("SELECT at FROM consent") == newest
    tower.append()
    told = [entry["type"] for entry in tower.entries("handovers")]
    erased = over and given != "form"  # its dossier holds some from before
    by_the_first = over and given == "words"
    assert told == (
        ["feed.case.handed_over.v1"] * over
        + ["feed.case.erased.v1"] * erased
        + [ENDED] * by_the_first
    )


def test_nor_one_that_is_said_once_more_under_a_later_number(tower: Tower) -> None:
    """By an intake that was restored to before it had sent it."""
    tower.begin_work()
    tower.at("2026-11-04 10:00").hear(TAKEN_BACK)
    said = [
        tower.stream.body(WORDS, NUMBER, BEFORE, part="report", **sealed("report")),
        tower.stream.body(CONSENT, NUMBER, BEFORE, **sealed("identity")),
    ]

    with capture_logs() as lines:
        assert [tower.receive(body) for body in said] == ["done", "done"]

    assert (held(tower), consents(tower)) == ([], 0)
    came = [line["about"] for line in lines if line["event"] == "came_after_withdrawal"]
    assert came == ["report", "consent"]
    assert NUMBER not in str(lines)


@pytest.mark.parametrize("at_once", [False, True], ids=["one by one", "in one batch"])
def test_who_consents_again_is_handed_over_with_what_was_given_then(
    tower: Tower, at_once: bool
) -> None:
    tower.begin_work()
    consent(tower)
    given = {"admissible_month": None, **sealed("identity")}
    again = [tower.stream.body(TAKEN_BACK, NUMBER, tower.clock.at)]
    again.append(tower.stream.body(CONSENT, NUMBER, tower.clock.at, **given))

    if at_once:
        tower.service.inbox.receive_all([(body, ANYBODY) for body in again])
    else:
        assert [tower.receive(body) for body in again] == ["done", "done"]
    assert tower.count("SELECT count(*) FROM inbox WHERE state <> 'done'") == 0
    tower.at(PASSED).sweep()

    assert [part["part"] for part in stored(tower)[0]["parts"]] == ["identity"]
    assert stored(tower)[0]["parts"][0]["sha256"] == given["sha256"]
