"""An intake killed while it accepts a report: the insistent client ends with one receipt."""

import httpx
import pytest

from tests.service.intake.conftest import REPORT, key


@pytest.mark.parametrize(
    ("point", "kept"),
    [("intake.before_write", 0), ("intake.after_commit", 1)],
)
def test_a_lost_reply_costs_nothing(intake_db, run, point, kept):
    once = key()
    doomed = run("api", intake_db, FAILPOINTS=f"{point}=kill")
    with pytest.raises(httpx.TransportError):
        httpx.post(f"{doomed.url}/v1/reports", json=REPORT, headers=once, trust_env=False)
    doomed.stop()
    assert intake_db.psql("SELECT count(*) FROM report") == [(kept,)]

    sound = run("api", intake_db)
    answers = [
        httpx.post(f"{sound.url}/v1/reports", json=REPORT, headers=once, trust_env=False)
        for _ in range(2)
    ]

    assert {a.status_code for a in answers} == {201}
    assert len({a.text for a in answers}) == 1
    assert intake_db.psql("SELECT number FROM report") == [(answers[0].json()["number"],)]
    assert intake_db.psql("SELECT count(*) FROM outbox") == [(2,)]


def test_the_first_report_that_is_not_taken_is_counted_from_nought(intake_db, run):
    failed = (
        'lapor_http_request_seconds_count{method="POST",outcome="error",route="/v1/reports",'
        'service="intake"}'
    )
    api = run("api", intake_db, FAILPOINTS="intake.before_write=raise")
    assert f"{failed} 0.0" in api.metrics()

    answer = httpx.post(f"{api.url}/v1/reports", json=REPORT, headers=key(), trust_env=False)

    assert answer.status_code == 500
    assert f"{failed} 1.0" in api.metrics()
