"""The reporter reads what the Ombudsman answered, with its words and the limit that follows;
and a limit that moved."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import uuid4

import httpx
import pytest

import contracts
from chassis.clock import Clock
from chassis.database import Transactions, engine
from chassis.events import Event
from chassis.inbox import ANYBODY
from services.intake.domain import Status, clocks
from services.intake.service import Intake
from tests.harness.databases import Database

NOW = datetime.now(UTC)


@pytest.fixture
def hear(intake_db: Database) -> Any:
    """Receives an event about a report, made from its contract's first example."""
    bind, sequences = engine(intake_db.url, 1), {}
    service = Intake()
    service.db, service.clock = Transactions(bind), Clock()

    def receive(type: str, number: str, **data: Any) -> None:
        example = next(iter(contracts.examples(type).values()))["data"]
        source, told = contracts.source(type), example | data
        contracts.validate(type, told)
        counted = sequences.setdefault((source, number), itertools.count(1))
        event = Event(
            id=str(uuid4()), source=source, type=type, subject=number, time=NOW,
            sequence=next(counted), correlationid="a-chain-of-causes", data=told,
        )  # fmt: skip
        assert service.inbox.receive(json.dumps(event.document()).encode(), ANYBODY) == "done"

    yield receive
    bind.dispose()


def track(api: httpx.Client, receipt: dict[str, str]) -> dict[str, Any]:
    proof = {"number": receipt["number"], "code": receipt["code"]}
    return dict(api.post("/v1/reports/track", json=proof).json())


def stamp(**by: float) -> str:
    return (NOW + timedelta(**by)).isoformat().replace("+00:00", "Z")


def answered(hear: Any, number: str, answer: str, words: str = "", **by: float) -> None:
    known = {"answer_id": str(uuid4()), "answer": answer, "at": stamp(**by)}
    told = {"reason": None, "reference": "0123/LM/I/2027/BJM", "decided_at": stamp()}
    hear("escalation.answered.v1", number, **known, **told, spoken=bool(words))
    if words:
        asks = answer in ("mediation", "corrective_action", "recommendation")
        type = f"escalation.{'words' if asks else 'remark'}_written.v1"
        hear(type, number, **known, text=words)


def test_the_timeline_has_the_answer_with_its_words(
    api: httpx.Client, hear: Any, receipt: dict[str, str]
) -> None:
    answered(hear, receipt["number"], "received", hours=1)
    answered(hear, receipt["number"], "under_examination", "Kami memeriksa.", hours=1.5)
    answered(hear, receipt["number"], "mediation", "Anda diundang ke mediasi.", hours=2)

    entries = [e for e in track(api, receipt)["timeline"] if e["what"] == "escalation.answered"]

    assert [(e["detail"]["answer"], e["text"]) for e in entries] == [
        ("received", None),
        ("under_examination", "Kami memeriksa."),
        ("mediation", "Anda diundang ke mediasi."),
    ]
    assert entries[0]["detail"]["reference"] == "0123/LM/I/2027/BJM"
    assert set(entries[0]["detail"]) == {"answer", "reason", "reference", "decided_at"}


def test_the_limit_of_an_order_is_shown_until_the_next_answer(
    api: httpx.Client, hear: Any, receipt: dict[str, str]
) -> None:
    number, due = receipt["number"], stamp(days=30)
    hear("deadline.started.v1", number, clock="C", cycle=1, started_at=stamp(), due_at=due)
    hear("case.closed.v1", number, status="closed", at=stamp())
    answered(hear, number, "corrective_action", "Perbaiki jembatan.", hours=1)
    assert [d["clock"] for d in track(api, receipt)["deadlines"]] == ["C"]

    answered(hear, number, "closed", hours=2)

    assert track(api, receipt)["deadlines"] == []


def test_a_limit_ends_on_the_day_that_its_calendar_counts(
    api: httpx.Client, intake_db: Database, hear: Any, receipt: dict[str, str]
) -> None:
    at = "2027-03-09T16:59:59+00:00"  # Jakarta's ninth ends; in the regency it is the tenth
    ends = {"due_at": at, "ends_on": "2027-03-09"}
    hear("deadline.started.v1", receipt["number"], clock="V", cycle=1, started_at=stamp(), **ends)

    limits = track(api, receipt)["deadlines"]
    intake_db.psql("UPDATE deadline SET ends_on = NULL")  # heard before it was told
    of_old = track(api, receipt)["deadlines"]

    assert limits == [{"clock": "V", "passed": False} | ends]
    assert of_old == [{"clock": "V", "passed": False} | ends | {"ends_on": "2027-03-10"}]


@pytest.mark.parametrize(
    ("answers", "shown"),
    [
        ([], {"S"}),
        (["received"], {"S"}),
        (["received", "corrective_action"], {"S", "C"}),
        (["corrective_action", "recommendation"], {"S", "O"}),
        (["corrective_action", "closed"], {"S"}),
    ],
)
def test_only_the_last_answer_orders(answers: list[str], shown: set[str]) -> None:
    assert clocks(Status.IN_PROGRESS, answers, []) == shown


AHEAD, GONE, PAUSED = 5, -2, None  # days until the end of a limit that is told at one moment


@pytest.mark.parametrize(
    ("moves", "passed"),
    [
        ((AHEAD,), False),
        ((GONE,), True),
        ((0,), True),
        ((PAUSED,), False),
        ((PAUSED, GONE), False),
        ((PAUSED, AHEAD), False),
        ((AHEAD, GONE), False),
    ],
)
def test_a_missed_limit_that_lies_ahead_again_is_not_missed_any_more(
    api: httpx.Client, hear: Any, receipt: dict[str, str], moves: tuple[int | None], passed: bool
) -> None:
    """Escalation's own rule: a limit that comes to lie in the past is told as passed by itself."""
    number, limit, due = receipt["number"], {"clock": "V", "cycle": 1}, stamp(days=-3)
    hear("deadline.started.v1", number, **limit, due_at=due)
    hear("deadline.passed.v1", number, **limit, due_at=due, at=stamp(days=-3))
    assert track(api, receipt)["deadlines"][0]["passed"] is True

    ends: list[str | None] = [due, *(days if days is None else stamp(days=days) for days in moves)]
    for before, after in pairwise(ends):
        told = {"before": before, "after": after, "reason": "calendar", "at": stamp()}
        hear("deadline.recomputed.v1", number, **limit, **told)

    [shown] = track(api, receipt)["deadlines"]
    assert (shown["due_at"] is None, shown["passed"]) == (ends[-1] is None, passed)


def test_a_limit_that_had_been_kept_is_not_missed_and_the_timeline_says_so(
    api: httpx.Client, hear: Any, receipt: dict[str, str]
) -> None:
    number, limit, due = receipt["number"], {"clock": "V", "cycle": 1}, stamp(days=-3)
    hear("deadline.passed.v1", number, **limit, due_at=due, at=due)

    hear("deadline.kept.v1", number, **limit, due_at=due, ends_on="2026-11-05", at=stamp())

    told = track(api, receipt)
    assert [d["passed"] for d in told["deadlines"]] == [False]
    assert told["timeline"][-1]["what"] == "deadline.kept"
    assert told["timeline"][-1]["detail"]["clock"] == "V"


def test_a_limit_that_passes_again_is_missed_again(
    api: httpx.Client, hear: Any, receipt: dict[str, str]
) -> None:
    number, limit, due = receipt["number"], {"clock": "V", "cycle": 1}, stamp(days=-3)
    hear("deadline.passed.v1", number, **limit, due_at=due, at=due)
    told = {"before": due, "after": stamp(days=2), "reason": "resumed", "at": stamp()}
    hear("deadline.recomputed.v1", number, **limit, **told)

    hear("deadline.passed.v1", number, **limit, due_at=stamp(days=2), at=stamp(days=2))

    assert [d["passed"] for d in track(api, receipt)["deadlines"]] == [True]
