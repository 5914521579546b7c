"""The Ombudsman is told which sealed parts were erased, and why: at once of what was handed over,
with the dossier of what is handed over without them; never of who withdrew before."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from chassis.errors import NotAllowed
from services.escalation.models import STREAMS
from services.escalation.ombudsman import epochs, parts
from tests.service.escalation.test_dossiers import (
    WORDS,
    consent,
    hand_over,
    held,
    sealed,
    stored,
)
from tests.service.escalation.tower import NUMBER, Tower

ERASED = "feed.case.erased.v1"


def erase(tower: Tower, before: datetime | None = None) -> int:
    with tower.db.begin() as tx:
        return parts.erase_one(tx, NUMBER, tower.clock.now(), before)


def told(tower: Tower) -> list[dict[str, Any]]:
    """The entries about the case that tell of an erasure, on either stream."""
    tower.append()
    entries = [entry for stream in STREAMS for entry in tower.entries(stream)]
    return [entry for entry in entries if entry["type"] == ERASED]


def in_the_dossier(tower: Tower) -> list[dict[str, Any]]:
    """What its history tells of erasures."""
    history = stored(tower)[0]["history"]
    return [line["detail"] for line in history if line["what"] == "part.erased"]


def kept(tower: Tower) -> list[dict[str, str]]:
    """The parts that are there, as an entry names them."""
    rows = tower.database.psql("SELECT part, sha256 FROM sealed_part ORDER BY id")
    return [{"part": part, "sha256": sha256} for part, sha256 in rows]


def come_back(tower: Tower) -> None:
    """Closed, and reopened by its reporter."""
    tower.hear("case.reopened.v1", status="in_progress", cycle=2)


def close(tower: Tower) -> None:
    tower.answer()
    tower.hear("case.closed.v1", how="accepted", cycle=1)


def open_epochs(tower: Tower) -> None:
    """As after a restore."""
    with tower.db.begin() as tx:
        for stream in STREAMS:
            epochs.open(tx, stream, tower.service.signers, "kepala.diskominfo", tower.clock.now())


def test_whoever_withdraws_after_the_hand_over_is_told_to_have(tower: Tower) -> None:
    hand_over(tower)
    named = kept(tower)

    for _ in range(2):
        tower.hear("case.withdrawn.v1")

    [entry] = told(tower)
    assert (entry["subject"], entry["source"]) == (NUMBER, "/escalation/feed/handovers")
    assert entry["data"] == {"parts": named, "why": "withdrawn"}
    assert {one["sha256"] for one in named} == {p["sha256"] for p in stored(tower)[0]["parts"]}


def test_only_what_was_erased_is_named(tower: Tower) -> None:
    tower.begin_work()
    consent(tower)
    tower.at("2026-11-03 10:00").hear(WORDS, part="addition", **sealed("more"))
    *older, younger = kept(tower)
    tower.at("2027-01-02 10:00").sweep()

    assert erase(tower, tower.clock.now() - timedelta(days=60)) == 4
    assert erase(tower, tower.clock.now() - timedelta(days=60)) == 0

    [entry] = told(tower)
    assert entry["data"] == {"parts": older, "why": "operator"}
    assert kept(tower) == [younger]


def test_where_nothing_is_erased_nothing_is_said_to_be(tower: Tower) -> None:
    tower.begin_work()
    tower.hear("report.escalation_consented.v1")
    tower.at("2027-01-02 10:00").sweep()

    tower.hear("case.withdrawn.v1")

    assert told(tower) == [], "that the consent ended is another entry"
    assert tower.count("SELECT count(*) FROM dossier WHERE erased_at IS NULL") == 1


def test_of_who_withdraws_before_any_hand_over_nothing_is_told(tower: Tower) -> None:
    tower.begin_work()
    consent(tower)
    tower.hear("case.withdrawn.v1")

    assert (held(tower), told(tower)) == ([], [])
    assert tower.count("SELECT count(*) FROM case_event WHERE what = 'part.erased'") == 0


def test_what_was_erased_while_a_case_was_over_stands_in_its_dossier(tower: Tower) -> None:
    """Until then the Ombudsman is not told that its reporter consents."""
    consent(tower)
    tower.begin_work()
    close(tower)
    named = kept(tower)
    with tower.db.begin() as tx:
        assert parts.erase_one(tx, NUMBER, tower.clock.now(), why=parts.AGE) == 4
    assert told(tower) == []
    come_back(tower.at("2026-11-10 10:00"))
    tower.hear(WORDS, part="addition", **sealed("since"))

    tower.at("2027-02-02 10:00").sweep()

    assert told(tower) == []
    assert in_the_dossier(tower) == [one | {"why": "age"} for one in named]
    assert [part["part"] for part in stored(tower)[0]["parts"]] == ["addition"]


def test_of_a_case_that_goes_on_nothing_is_erased_whatever_day_is_named(tower: Tower) -> None:
    tower.begin_work()
    consent(tower)

    for before in (None, tower.clock.now() + timedelta(days=1)):
        with pytest.raises(NotAllowed, match="goes on"):
            erase(tower, before)

    assert len(held(tower)) == 4


def test_what_a_restore_brought_back_is_erased_again_and_the_dossier_says_so(
    tower: Tower,
) -> None:
    """It may have been over when it was erased, and is not, or not yet. What came since stays."""
    tower.begin_work()
    consent(tower)
    named = kept(tower)
    open_epochs(tower.at("2026-11-05 10:00"))
    tower.at("2026-11-06 10:00").hear(WORDS, part="addition", **sealed("since"))
    with pytest.raises(NotAllowed):
        erase(tower)

    assert erase(tower, tower.clock.now() + timedelta(days=1)) == 4

    assert told(tower) == []
    tower.at("2027-01-02 10:00").sweep()
    assert in_the_dossier(tower) == [one | {"why": "operator"} for one in named]
    assert held(tower) == ["addition"]
    assert stored(tower)[0]["consent"]["with_identity"] is False
