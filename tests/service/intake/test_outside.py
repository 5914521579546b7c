"""A reporter whose report went to an authority outside reads how it comes back."""

from uuid import uuid4

from services.intake.events import instant
from tests.service.intake.test_consenting import ask, hear, seen

FORWARDED = {"status": "forwarded_externally"}


def test_what_was_recalled_is_open_again_and_says_why(api, receipt, worker):
    hear(worker, receipt, "case.forwarded.v1", **FORWARDED)
    assert seen(api, receipt)["actions"] == ["consent_to_escalation", "object", "replace_contact"]

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


def test_what_is_said_outside_is_read_with_its_day_and_answers_nothing(api, receipt, worker):
    hear(worker, receipt, "case.forwarded.v1", **FORWARDED)
    before, at = seen(api, receipt), instant(worker.clock.now())

    for n in (1, 2):
        told = {"reply_id": str(uuid4()), "said_on": "2026-11-20", "at": at}
        hear(worker, receipt, "case.word_relayed.v1", n + 1, **told)
        said = {"reply_id": told["reply_id"], "about": "outside_word", "text": f"Kabar {n}."}
        hear(worker, receipt, "case.reply_written.v1", n, **said)

    after = seen(api, receipt)
    lines = after["timeline"][-2:]
    assert [(e["what"], e["text"]) for e in lines] == [
        ("case.word_relayed", "Kabar 1."), ("case.word_relayed", "Kabar 2."),
    ]  # fmt: skip
    assert lines[0]["detail"] == {"said_on": "2026-11-20"}
    kept = ("status", "actions", "deadlines")
    assert [after[name] for name in kept] == [before[name] for name in kept]
