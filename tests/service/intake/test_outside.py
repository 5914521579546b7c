"""A reporter whose report went to an authority outside reads how it comes back."""

from uuid import uuid4

from services.intake.events import instant
from tests.service.intake.test_consenting import ask, hear, seen

FORWARDED = {"status": "forwarded_externally"}


def test_what_was_recalled_is_open_again_and_says_why(api, receipt, worker):
    hear(worker, receipt, "case.forwarded.v1", **FORWARDED)
    assert seen(api, receipt)["actions"] == ["consent_to_escalation", "object"]

    at, named = instant(worker.clock.now()), {"reply_id": str(uuid4())}
    hear(worker, receipt, "case.recalled.v1", 2, **named, at=at)
    said = named | {"about": "recall", "text": "Mereka mengembalikannya."}
    hear(worker, receipt, "case.reply_written.v1", 1, **said)

    told = seen(api, receipt)
    line = told["timeline"][-1]
    assert (line["what"], line["text"]) == ("case.recalled", "Mereka mengembalikannya.")
    assert told["status"] == "unverified"
    assert "object" not in told["actions"]
    assert ask(api, receipt, "objections", {"reason": "Belum."}).status_code == 409


def test_an_objection_to_a_forwarding_is_sent_on_and_shown(api, intake_db, receipt, worker):
    hear(worker, receipt, "case.forwarded.v1", **FORWARDED)

    answer = ask(api, receipt, "objections", {"reason": "Ini jalan kabupaten."})

    assert answer.status_code == 202
    told = seen(api, receipt)["timeline"]
    assert (told[-1]["what"], told[-1]["text"]) == ("reporter.object", "Ini jalan kabupaten.")
    rows = intake_db.psql("SELECT type FROM outbox WHERE type = 'report.objected.v1'")
    assert rows == [("report.objected.v1",)]
