"""Two clicks are one request: what was asked once is said once, and both are answered alike."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import sqlalchemy as sa

from chassis.database import engine
from tests.harness.copies import copied
from tests.harness.processes import ServiceProcess
from tests.harness.waiting import eventually
from tests.service.intake.conftest import key
from tests.service.intake.test_consenting import hear
from tests.service.intake.test_following import ask, waits

REQUESTS = {
    "objections": ("answered", {"reason": "Belum selesai"}, {"reason": "Masih rusak"}),
    "acceptance": ("answered", {"stars": 4}, {"stars": 5}),
    "reopening": ("closed", {"reason": "Rusak lagi"}, {"reason": "Hancur lagi"}),
    "withdrawal": ("in_progress", {}, {"reason": "Sudah diperbaiki"}),
}
WAITING = """
SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = %s
HAVING count(*) = 2
"""


@pytest.fixture
def stand(receipt, worker):
    """`stand(status)`: the case has come there."""
    sequence = iter(range(1, 100))
    return lambda status, type="case.answered.v1": hear(
        worker, receipt, type, sequence=next(sequence), status=status
    )


def said(intake_db):
    """What was said of requests, in order, and how many lines it made. The end of a consent is said
    in any case: a restore may have taken the consent from intake alone."""
    types = "SELECT type FROM outbox WHERE type NOT IN ('report.submitted.v1',"
    types += " 'report.contact_sealed.v1', 'report.consent_withdrawn.v1') ORDER BY id"
    [(lines,)] = intake_db.psql("SELECT count(*) FROM timeline_entry WHERE what LIKE 'reporter.%'")
    return [type for (type,) in intake_db.psql(types)], lines


def answer(response):
    """What does not differ between two signatures of one proof."""
    assert response.status_code == 202, response.text
    told = response.json()
    assert told.pop("proof")
    return told


@pytest.mark.parametrize("headers", [dict, key], ids=["no_key", "another_key"])
@pytest.mark.parametrize("what", REQUESTS)
def test_the_same_asked_again_gets_the_first_answer_and_is_said_once(
    api, intake_db, receipt, stand, what, headers
):
    status, body, _ = REQUESTS[what]
    stand(status)
    first = answer(ask(api, receipt, what, body, **headers()))
    before = said(intake_db)
    once = headers()
    again = [answer(ask(api, receipt, what, body, **once)) for _ in range(2)]

    assert again == [first, first]
    assert said(intake_db) == before


def twins(api, intake_db, receipt, what, body):
    """The answers of two that were asked in one moment: both wait for the report's row."""
    bind = engine(intake_db.url, 1)
    with ThreadPoolExecutor(2) as threads:
        with bind.begin() as other:
            other.execute(sa.text("SELECT FROM report FOR UPDATE"))
            both = [threads.submit(ask, api, receipt, what, body) for _ in range(2)]
            eventually(lambda: intake_db.psql(WAITING, [intake_db.name]))
        found = [one.result(timeout=10) for one in both]
    bind.dispose()
    return [answer(one) for one in found]


@pytest.mark.parametrize("what", REQUESTS)
def test_of_two_in_one_moment_one_is_said_and_both_are_answered_alike(
    api, intake_db, receipt, stand, what
):
    status, body, _ = REQUESTS[what]
    stand(status)
    one, other = twins(api, intake_db, receipt, what, body)

    assert one == other
    assert said(intake_db)[1] == 1


def test_where_nobody_looks_both_are_said(intake_db, receipt, stand, surroundings, state, tmp_path):
    """The negative control."""
    looks = "if action not in ONCE or"
    wrong = ServiceProcess("api", intake_db, surroundings, state)
    wrong.process.cwd = copied(
        tmp_path, [("services/intake/repeating.py", looks, looks.replace("not ", "", 1))]
    )
    try:
        wrong.start()
        stand("answered")
        with httpx.Client(base_url=wrong.url, timeout=10) as api:
            twins(api, intake_db, receipt, "acceptance", {"stars": 4})
    finally:
        wrong.stop()

    assert said(intake_db)[1] == 2


@pytest.mark.parametrize("what", REQUESTS)
def test_after_a_minute_it_is_said_for_what_was_heard_of_the_case_may_be_late(
    api, intake_db, receipt, stand, what
):
    """Two clicks it is not; whether the first still stands, only routing knows."""
    status, body, _ = REQUESTS[what]
    stand(status)
    ask(api, receipt, what, body)
    intake_db.psql("UPDATE timeline_entry SET at = at - interval '61 seconds'")
    ask(api, receipt, what, body)

    assert said(intake_db)[1] == 2


def test_two_clicks_are_one_also_while_news_of_the_case_wait(api, intake_db, receipt, stand):
    stand("answered")
    ask(api, receipt, "objections", {"reason": "Belum selesai"})
    waits(intake_db, receipt["number"])
    ask(api, receipt, "objections", {"reason": "Belum selesai"})

    assert said(intake_db)[1] == 1


@pytest.mark.parametrize("what", REQUESTS)
@pytest.mark.parametrize("after", ["moved", "refused", "other_words"])
def test_what_is_not_the_same_any_more_is_said(api, intake_db, receipt, stand, what, after):
    status, body, other = REQUESTS[what]
    stand(status)
    ask(api, receipt, what, body)
    types, lines = said(intake_db)
    if after != "other_words":
        stand(status, {"moved": "case.answered.v1", "refused": "case.refused.v1"}[after])
    answer(ask(api, receipt, what, other if after == "other_words" else body))

    assert said(intake_db) == (types * 2, lines * 2)


def test_a_withdrawal_that_takes_back_a_later_consent_is_said(api, intake_db, receipt, stand):
    stand("in_progress")
    for what in ("withdrawal", "escalation-consent", "withdrawal", "withdrawal"):
        ask(api, receipt, what, {})

    types, lines = said(intake_db)
    assert types.count("report.withdrawn.v1") == 2
    assert lines == 3


@pytest.mark.parametrize("what", ["supplements", "consent-withdrawal"])
def test_additions_and_the_end_of_a_consent_are_said_each_time(
    api, intake_db, receipt, stand, what
):
    stand("in_progress")
    body = {"text": "Ini fotonya"} if what == "supplements" else None
    for _ in range(2):
        answer(ask(api, receipt, what, body) if body else ask(api, receipt, what, None))

    assert said(intake_db)[1] == 2


def test_what_was_rated_stands_in_the_timeline(api, receipt, stand):
    stand("answered")
    ask(api, receipt, "acceptance", {"stars": 4, "comment": "Cepat."})
    proof = {"number": receipt["number"], "code": receipt["code"]}
    line = api.post("/v1/reports/track", json=proof).json()["timeline"][-1]

    assert (line["what"], line["detail"], line["text"]) == (
        "reporter.accept",
        {"stars": 4},
        "Cepat.",
    )
