"""A reporter whose confidentiality was raised reads to what, when and why."""

from uuid import uuid4

import pytest

from services.intake.events import instant
from tests.service.intake.test_consenting import hear, seen

KEPT = "SELECT confidentiality, hidden_from_public, status FROM report"


@pytest.mark.parametrize("status", ["in_progress", "closed"])
def test_it_is_a_line_with_its_reason_and_the_report_is_kept_so(
    api, intake_db, receipt, worker, status
):
    assert intake_db.psql(KEPT) == [("confidential", False, "unverified")]
    at, reply = instant(worker.clock.now()), str(uuid4())
    raised = {"confidentiality": "confidential", "hidden_from_public": True}
    fact = {"status": status, "reply_id": reply, "at": at}
    hear(worker, receipt, "case.protected.v1", **raised | fact)
    words = {"reply_id": reply, "about": "protection", "text": "Tempat kerja Anda tersebut."}
    hear(worker, receipt, "case.reply_written.v1", **words | {"at": at, "evidence": []})

    line = seen(api, receipt)["timeline"][-1]
    assert (line["what"], line["detail"]) == ("case.protected", raised)
    assert line["text"] == words["text"]
    assert intake_db.psql(KEPT) == [("confidential", True, status)]


def test_that_a_case_was_opened_as_it_was_sent_lowers_nothing(api, intake_db, receipt, worker):
    """Routing may say it again if it was restored."""
    at = instant(worker.clock.now())
    raised = {"confidentiality": "confidential", "hidden_from_public": True}
    hear(worker, receipt, "case.protected.v1", **raised, status="disposed", at=at)
    again = {"confidentiality": "confidential", "hidden_from_public": False, "at": at}
    hear(worker, receipt, "case.opened.v1", sequence=2, **again)

    assert intake_db.psql(KEPT)[0][:2] == ("confidential", True)
