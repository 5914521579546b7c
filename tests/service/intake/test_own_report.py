"""Who kept only number and code reads what they wrote and chose, and never who they are."""

from tests.service.intake.conftest import REPORT, key
from tests.service.intake.test_consenting import hear, seen

OTHER = REPORT | {"text": "Lubang yang sama, dari arah terminal.", "agency": None}
CHOSEN = ("event_date", "place", "agency", "category", "confidentiality")


def submit(api, body):
    answer = api.post("/v1/reports", json=body, headers=key())
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_the_report_and_what_was_chosen_are_read_again(api):
    receipt = submit(api, REPORT)

    told = seen(api, receipt)
    assert told["timeline"][0]["what"] == "report.submitted"
    assert told["timeline"][0]["text"] == REPORT["text"]
    assert told["chosen"] == {name: REPORT[name] for name in CHOSEN} | {
        "hidden_from_public": False,
        "contact_given": True,
    }
    whole = str(told).lower()
    assert not any(value.lower() in whole for value in REPORT["contact"].values() if "." in value)
    assert "siti" not in whole


def test_who_gave_no_contact_reads_that_none_was_given(api):
    body = {name: value for name, value in REPORT.items() if name not in ("contact", "category")}
    body["place"] = {"district": "63.02.06"}
    anonymous = submit(api, body | {"confidentiality": "anonymous"})

    chosen = seen(api, anonymous)["chosen"]
    assert (chosen["contact_given"], chosen["category"]) == (False, None)
    assert chosen["place"] == {"district": "63.02.06", "detail": None}


def test_a_report_that_follows_another_tells_its_own_words_only(api, worker):
    leads, follows = submit(api, REPORT), submit(api, OTHER)
    at = "2026-11-30T02:00:00Z"
    merged = {"into": leads["number"], "status": "in_progress", "at": at}
    hear(worker, follows, "case.merged.v1", **merged)

    told, of_other = str(seen(api, follows)), str(seen(api, leads))
    assert OTHER["text"] in told
    assert REPORT["text"] not in told
    assert OTHER["text"] not in of_other


def test_what_an_officer_raised_since_is_told_as_it_is_now(api, receipt, worker):
    raised = {"confidentiality": "confidential", "hidden_from_public": True, "status": "disposed"}
    hear(worker, receipt, "case.protected.v1", **raised, at="2026-11-30T02:00:00Z")

    assert seen(api, receipt)["chosen"]["hidden_from_public"] is True


def test_of_an_earlier_report_nobody_knows_whether_a_contact_came_unless_it_is_anonymous(
    api, intake_db
):
    earlier = submit(api, REPORT)
    body = {name: value for name, value in REPORT.items() if name != "contact"}
    anonymous = submit(api, body | {"confidentiality": "anonymous"})
    intake_db.psql("UPDATE report SET contact_given = NULL")

    told = [seen(api, one)["chosen"]["contact_given"] for one in (earlier, anonymous)]
    assert told == [None, False]
