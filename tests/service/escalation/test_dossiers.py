"""What is handed over is a dossier that the feed proves and that holds nothing we can read."""

import hashlib
import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import rfc8785
import sqlalchemy as sa
from joserfc import jwe
from joserfc.jwk import ECKey
from joserfc.registry import HeaderParameter

from chassis.errors import NotAllowed
from deploy.local.environment import Surroundings
from services.escalation import commands
from services.escalation.ombudsman import feed, parts
from tests.harness.programs import run_command
from tests.service.escalation.tower import NUMBER, Tower

KEY = ECKey.generate_key("P-256", {"kid": "ombudsman-test"})
Ran = subprocess.CompletedProcess[str]
CONSENT, WORDS = "report.escalation_consented.v1", "report.words_sealed.v1"


def sealed(text: str) -> dict[str, str]:
    """As intake seals it."""
    registry = jwe.JWERegistry(
        header_registry={"sub": HeaderParameter("Subject", "str", required=True)},
        algorithms=["ECDH-ES", "A256GCM"],
    )
    header = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": "ombudsman-test", "sub": NUMBER}
    made = jwe.encrypt_compact(header, text.encode(), KEY, registry=registry)
    digest = hashlib.sha256(made.encode()).hexdigest()
    return {"sealed": made, "key_id": "ombudsman-test", "sha256": digest}


def consent(tower: Tower) -> None:
    """The reporter consents with identity: all words so far, then who it is."""
    for part in ("report", "addition", "reply"):
        tower.hear(WORDS, part=part, **sealed(part))
    tower.hear(CONSENT, admissible_month="2028-11", **sealed("identity"))


def hand_over(tower: Tower) -> None:
    tower.begin_work()
    consent(tower)
    tower.at("2027-01-02 10:00").sweep()
    tower.append()


def stored(tower: Tower) -> tuple[dict, str]:
    [(content, digest)] = tower.database.psql("SELECT content, sha256 FROM dossier")
    return content, digest


def held(tower: Tower) -> list[str]:
    return [p for (p,) in tower.database.psql("SELECT part FROM sealed_part ORDER BY id")]


def test_the_feed_proves_the_dossier_without_holding_it(tower: Tower) -> None:
    hand_over(tower)
    content, digest = stored(tower)

    [entry] = tower.entries("handovers")

    assert entry["data"]["dossier"] == {
        "version": 4, "sha256": digest, "href": f"/v1/ombudsman/dossiers/{NUMBER}",
    }  # fmt: skip
    assert hashlib.sha256(rfc8785.dumps(content)).hexdigest() == digest
    rows = tower.database.psql("SELECT sealed, sha256 FROM sealed_part")
    assert {sha for _, sha in rows} == {p["sha256"] for p in content["parts"]}
    assert not any(text in json.dumps(entry) for text, _ in rows)


def test_a_dossier_tells_who_had_it_when_and_what_came_of_it(tower: Tower) -> None:
    tower.open()
    tower.hear("case.verified.v1", **{"class": "ordinary"}, kind="complaint")
    tower.dispose()
    tower.hear("case.returned.v1", agency="dpupr", goes_to="coordinator")
    tower.dispose(agency="dlh")
    consent(tower)

    tower.at("2027-01-02 10:00").sweep()
    content, _ = stored(tower)

    assert [h["what"] for h in content["history"]] == [
        "case.opened", "case.verified", "case.disposed", "case.returned", "case.disposed",
    ]  # fmt: skip
    assert content["history_complete"] is True
    assert content["history"][2]["detail"]["agency"] == "dpupr"
    assert content["case"]["agency"] == "dlh"
    raised = [(e["clock"], e["level"], e["to"]) for e in content["escalations"]]
    assert ("S", 1, "head_of_agency") in raised
    assert [p["part"] for p in content["parts"]] == ["identity", "report", "addition", "reply"]
    assert content["consent"]["with_identity"] is True
    assert content["consent"]["admissible_month"] == "2028-11"
    assert content["evidence"] == []


def test_what_agencies_named_as_evidence_stands_in_it_by_its_hash(tower: Tower) -> None:
    photo, record = "5f" * 32, "a0" * 32
    tower.open()
    tower.dispose()
    followed = {"agency": "dpupr", "first": True, "cycle": 1, "reply_id": str(uuid4())}
    tower.hear("case.followed_up.v1", **followed, evidence=[photo])
    answered = {"agency": "dpupr", "cycle": 1, "reply_id": str(uuid4())}
    tower.hear("case.answered.v1", **answered, evidence=[record, photo])
    tower.hear("case.objected.v1", cycle=2)
    consent(tower)

    tower.at("2027-02-02 10:00").sweep()
    content, _ = stored(tower)

    named = [(e["agency"], e["reply_id"], e["sha256"]) for e in content["evidence"]]
    assert named == [
        ("dpupr", followed["reply_id"], photo),
        ("dpupr", answered["reply_id"], record),
        ("dpupr", answered["reply_id"], photo),
    ]
    assert [e["at"] for e in content["evidence"]] == [
        h["at"] for what in ("followed_up", "answered", "answered")
        for h in content["history"] if h["what"] == f"case.{what}"
    ]  # fmt: skip
    assert not any("evidence" in h["detail"] for h in content["history"])


def test_a_dossier_is_made_of_what_was_heard_before_evidence_could_be_named(tower: Tower) -> None:
    tower.begin_work()
    tower.database.psql("ALTER TABLE case_event DISABLE TRIGGER USER")
    tower.database.psql("UPDATE case_event SET detail = detail - 'evidence'")
    consent(tower)

    tower.at("2027-02-02 10:00").sweep()

    assert stored(tower)[0]["evidence"] == []


def test_each_day_of_a_passed_limit_is_explained(tower: Tower) -> None:
    tower.at("2026-12-14 10:00").open()
    tower.dispose()
    consent(tower)

    tower.at("2027-01-20 10:00").sweep()
    content, _ = stored(tower)

    settle = next(c for c in content["clocks"] if c["clock"] == "S")
    assert settle["limit"]["days"] == 14
    assert settle["limit"]["decree"].startswith("PermenPANRB 62/2018")
    verdicts = [day["verdict"] for day in settle["days"]]
    assert verdicts.count("counted") == 14
    christmas = next(day for day in settle["days"] if day["on"] == "2026-12-24")
    assert christmas["verdict"] == "skipped"
    assert christmas["basis"].startswith("SKB 3 Menteri 1497/2025")
    assert settle["pauses"] == []
    running = next(c for c in content["clocks"] if c["clock"] == "H")
    assert (running["passed_at"], running["days"]) == (None, [])


def test_without_identity_the_ombudsman_is_given_facts_only(tower: Tower) -> None:
    tower.begin_work()
    tower.hear(CONSENT)

    tower.at("2027-01-02 10:00").sweep()
    content, _ = stored(tower)

    assert content["parts"] == []
    assert content["consent"]["with_identity"] is False
    assert content["history"]


@pytest.mark.parametrize(
    ("until", "month", "in_time"),
    [
        (None, "2026-12", False), (None, "2027-01", None), (None, "2027-02", True),
        (None, None, None),
        ("2027-01-01", None, False), ("2027-01-02", None, True),  # formerly it was said to the day
    ],
)  # fmt: skip
def test_a_hand_over_that_the_law_no_longer_allows_is_made_and_says_so(
    tower: Tower, until: str | None, month: str | None, in_time: bool | None
) -> None:
    """The Ombudsman decides. It is told by the month, for the last day tells that of the event."""
    tower.begin_work()
    tower.hear(CONSENT, admissible_until=until, admissible_month=month)

    tower.at("2027-01-02 00:30").sweep()
    tower.append()

    consented = stored(tower)[0]["consent"]
    assert "admissible_until" not in consented
    assert consented["admissible_month"] == (until[:7] if until else month)
    assert consented["handed_over_in_time"] == in_time
    assert len(tower.entries("handovers")) == 1


def test_a_second_consent_takes_the_place_of_the_first(tower: Tower) -> None:
    tower.begin_work()
    consent(tower)
    consent(tower)

    assert sorted(held(tower)) == ["addition", "identity", "reply", "report"]


def test_a_later_consent_without_identity_leaves_what_was_given(tower: Tower) -> None:
    tower.begin_work()
    consent(tower)
    tower.hear(CONSENT)

    assert "identity" in held(tower)


def test_what_comes_before_its_case_is_kept_for_it(tower: Tower) -> None:
    consent(tower)
    tower.open()

    tower.at("2027-01-02 10:00").sweep()

    assert len(stored(tower)[0]["parts"]) == 4


def test_words_that_come_after_the_hand_over_do_not_change_it(tower: Tower) -> None:
    hand_over(tower)
    before = stored(tower)

    tower.hear(WORDS, part="addition", **sealed("later"))
    consent(tower)

    assert stored(tower) == before
    assert held(tower) == ["report", "addition", "reply", "identity"]


def test_a_case_that_is_withdrawn_loses_what_was_sealed_and_the_chain_still_holds(
    tower: Tower,
) -> None:
    hand_over(tower)
    before = stored(tower)

    tower.hear("case.withdrawn.v1")

    assert held(tower) == []
    assert tower.count("SELECT count(*) FROM dossier WHERE erased_at IS NOT NULL") == 1
    assert stored(tower) == before
    with tower.db.begin() as tx:
        assert feed.verify(tx, "handovers") == (1, None)


def test_a_withdrawn_case_takes_no_consent_and_is_not_handed_over(tower: Tower) -> None:
    tower.begin_work()
    consent(tower)
    tower.hear("case.withdrawn.v1")
    consent(tower)

    tower.at("2027-01-02 10:00").sweep()

    assert held(tower) == []
    assert tower.count("SELECT count(*) FROM consent") == 0
    assert tower.count("SELECT count(*) FROM dossier") == 0


def test_what_was_sealed_before_a_day_is_forgotten_once_the_case_is_done(tower: Tower) -> None:
    consent(tower)
    tower.begin_work()
    with tower.db.begin() as tx:
        assert parts.forgettable(tx, tower.clock.now()) == []

    tower.at("2027-01-02 10:00").sweep()
    with tower.db.begin() as tx:
        assert parts.forgettable(tx, tower.clock.now()) == [NUMBER]
        sealed_before = tower.clock.now() - timedelta(days=90)
        assert parts.erase_one(tx, NUMBER, tower.clock.now(), before=sealed_before) == 0
        assert tx.scalar(sa.text("SELECT count(*) FROM dossier WHERE erased_at IS NOT NULL")) == 0
        assert parts.erase_one(tx, NUMBER, tower.clock.now(), before=tower.clock.now()) == 4


def test_a_case_that_comes_back_after_an_erasure_is_handed_over_without_what_was_erased(
    tower: Tower,
) -> None:
    """Its reporter goes on reading that they consented."""
    consent(tower)
    tower.begin_work()
    tower.answer()
    tower.hear("case.closed.v1", how="accepted", cycle=1)
    with tower.db.begin() as tx:
        parts.erase_one(tx, NUMBER, tower.clock.now())
    tower.at("2026-11-10 10:00").hear("case.reopened.v1", status="in_progress", cycle=2)
    with pytest.raises(NotAllowed), tower.db.begin() as tx:
        parts.erase_one(tx, NUMBER, tower.clock.now())

    tower.at("2027-02-02 10:00").sweep()

    assert tower.count("SELECT count(*) FROM dossier") == 1
    assert held(tower) == []


def test_the_history_can_only_be_added_to(tower: Tower) -> None:
    tower.open()
    with pytest.raises(Exception, match="only added to"):
        tower.database.psql("UPDATE case_event SET what = 'x'")


@pytest.fixture
def run(tower: Tower, surroundings: Surroundings, tmp_path: Path) -> Callable[..., Ran]:
    """The command as it is really run, at the tower's time."""
    clock = tmp_path / "clock"
    told = replace(surroundings, clock_file=clock).environment(
        "escalation", DATABASE_URL=tower.database.url
    )

    def run(*words: str) -> Ran:
        clock.write_text(str((tower.clock.now() - tower.clock.real()).total_seconds()))
        return run_command("escalation", "erase-sealed", *words, env=told)

    return run


def test_an_operator_erases_what_was_sealed_and_the_proof_stays(tower: Tower, run) -> None:
    hand_over(tower)
    before = stored(tower)

    assert run(NUMBER).stdout == "4 sealed parts erased\n"

    assert (held(tower), stored(tower)) == ([], before)
    tower.append()
    assert tower.entries("handovers")[-1]["data"]["why"] == "operator"
    with tower.db.begin() as tx:
        assert feed.verify(tx, "handovers") == (2, None)
    assert tower.count("SELECT count(*) FROM dossier WHERE erased_at IS NOT NULL") == 1


def test_what_a_reporter_still_wants_handed_over_is_not_erased(tower: Tower, run) -> None:
    tower.begin_work()
    consent(tower)

    refused = run(NUMBER)

    assert refused.returncode == 1
    assert refused.stderr == (
        "not erased: this case goes on: it is erased when its reporter withdraws the consent\n"
    )
    assert len(held(tower)) == 4


def test_what_was_sealed_before_a_day_is_erased_if_the_case_is_over(tower: Tower, run) -> None:
    hand_over(tower)  # sealed on 2 November, local time

    assert run("--before", "2026-11-02").stdout == "0 sealed parts erased\n"
    assert len(held(tower)) == 4
    assert run("--before", "2026-11-03").stdout == "4 sealed parts erased\n"
    assert held(tower) == []
    tower.append()
    assert [e["data"].get("why") for e in tower.entries("handovers")] == [None, "age"]


def test_what_goes_on_since_it_was_found_keeps_no_other_from_being_forgotten(
    tower: Tower, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    goes_on, found = "KTB-11111-11112", parts.forgettable
    hand_over(tower)
    tower.open(goes_on)
    monkeypatch.setattr(parts, "forgettable", lambda tx, day: [goes_on, *found(tx, day)])

    now = tower.clock.now()
    assert commands.erase_of_age(tower.db, now, now) == 4

    assert capsys.readouterr().out.startswith(f"{goes_on} not erased: this case goes on")
    assert held(tower) == []


def test_a_day_that_is_none_or_nothing_at_all_is_refused(run) -> None:
    assert run("--before", "yesterday").returncode == 2
    assert run().stderr == "whose? a number, or --before and a day, or both\n"


def test_a_mistyped_number_is_refused(run) -> None:
    refused = run("KTB-00000-00001")

    assert (refused.returncode, refused.stderr) == (1, "not erased: there is no such case\n")
