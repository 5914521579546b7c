"""What the chain tells of an answer is what was sent: another is refused with evidence, one that
was not sent from here is told, and so is one that the chain never tells of."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest

from tests.harness.outside import Outside
from tests.unit.tools.regency import Regency
from tests.unit.tools.test_ombudsman_between import ANSWER
from tests.unit.tools.test_ombudsman_hostile import NUMBER, evidence

pytestmark = pytest.mark.fault

ANSWERED = "feed.case.answered.v1"
UNTOLD = "was taken, and the chain does not tell of it"


@pytest.fixture
def told(outside: Outside) -> dict[str, Any]:
    """What the chain must tell of the one answer that was sent: the members of an entry."""
    assert outside.run("answer", NUMBER, "received", "--reference", "0123/LM") == 0, outside.said
    [sent] = outside.documents("answers")
    data = {"answer": "received", "reason": None, "reference": "0123/LM", "decided_at": "x"}
    data |= {"message_id": sent["id"], "body_sha256": sha256(sent["body"].encode()).hexdigest()}
    return {"type": ANSWERED, "subject": NUMBER, "data": data}


def status(outside: Outside) -> Any:
    assert outside.run("status") == 0, outside.said
    return json.loads(outside.said)


def test_an_answer_that_is_told_as_it_was_sent_holds(
    regency: Regency, outside: Outside, told: dict[str, Any]
) -> None:
    regency.append("handovers", **told)

    for command in (("follow", "--once"), ("verify",)):
        assert outside.run(*command) == 0, outside.said
        assert "tells of the answer" not in outside.said
    assert status(outside)["untold"] == []


LIES: dict[str, dict[str, Any]] = {
    "another body": {"body_sha256": "00" * 32},
    "no body": {"body_sha256": None},
    "another answer": {"answer": "closed"},
    "another reference": {"reference": "0124/LM"},
    "a reason": {"reason": "other"},
}


@pytest.mark.parametrize("lie", [*LIES, "another case"])
def test_another_answer_under_our_id_does_not_hold(
    regency: Regency, outside: Outside, told: dict[str, Any], lie: str
) -> None:
    told["data"] |= LIES.get(lie, {})
    told["subject"] = NUMBER if lie in LIES else "KTB-23456-78901"
    entry = regency.append("handovers", **told)

    for _ in range(2):
        assert outside.run("follow", "--once") == 3, outside.said

        assert "handovers: entry 1 does not hold (answer)" in outside.said
        assert outside.entries("handovers") == []
    assert {found["check"] for found in evidence(outside)} == {"answer"}
    assert all(found["page"]["events"] == [entry] for found in evidence(outside))


def test_what_was_kept_before_anybody_compared_is_found(
    regency: Regency, outside: Outside, told: dict[str, Any]
) -> None:
    """As by another's change to the folder."""
    entry = regency.append("handovers", **told)
    assert outside.run("follow", "--once") == 0, outside.said
    [file] = (outside.folder / "answers").iterdir()
    file.write_text(file.read_text().replace("0123/LM", "0124/LM"))

    assert outside.run("verify") == 3, outside.said

    assert "handovers: entry 1 does not hold (answer)" in outside.said
    [found] = evidence(outside)
    assert found["page"] == entry


IDS = ["msg_" + "0" * 32, None, 7, [], "../config", "\x1b[2J" * 9]


@pytest.mark.parametrize("id", IDS, ids=json.dumps)
def test_an_answer_that_was_not_sent_from_here_is_told(
    regency: Regency, outside: Outside, id: Any
) -> None:
    """The office may have other programs."""
    data = {"answer": "closed", "message_id": id, "body_sha256": "00" * 32}
    regency.append("handovers", type=ANSWERED, subject=NUMBER, data=data)

    for command in (("follow", "--once"), ("verify",)):
        assert outside.run(*command) == 0, outside.said

        named = id.replace("\x1b", "\\x1b") if isinstance(id, str) else None
        told = f"handovers: entry 1 tells of the answer {named} to {NUMBER}, which was NOT SENT"
        assert told in outside.said


def test_an_answer_that_was_refused_and_is_on_the_chain_is_told(
    regency: Regency, outside: Outside
) -> None:
    """Somebody in between may have refused it."""
    regency.answers[ANSWER] = [(403, b"{}")]
    assert outside.run("answer", NUMBER, "received") == 1
    [sent] = outside.documents("answers")
    digest = sha256(sent["body"].encode()).hexdigest()
    data = {"answer": "received", "message_id": sent["id"], "body_sha256": digest}
    regency.append("handovers", type=ANSWERED, subject=NUMBER, data=data)

    assert outside.run("follow", "--once") == 0, outside.said

    assert f"the answer {sent['id']} to {NUMBER}, which the regency refused" in outside.said


def test_an_answer_that_was_taken_and_is_not_on_the_chain_is_told(
    regency: Regency, outside: Outside, told: dict[str, Any]
) -> None:
    """Listed at once; a warning once it is a day old: the regency needs a moment."""
    id = told["data"]["message_id"]
    assert outside.run("follow", "--once") == 0, outside.said
    assert UNTOLD not in outside.said
    assert status(outside)["untold"] == [id]

    [file] = (outside.folder / "answers").iterdir()
    file.write_text(json.dumps(json.loads(file.read_text()) | {"written": 1}))
    assert outside.run("follow", "--once") == 0, outside.said
    assert f"answer {id} {UNTOLD}" in outside.said

    regency.append("handovers", **told)
    assert outside.run("follow", "--once") == 0, outside.said
    assert UNTOLD not in outside.said
    assert status(outside)["untold"] == []


@pytest.mark.parametrize("name", ["notes.json", ""], ids=["another's", "ours"])
def test_a_file_that_is_no_answer_keeps_nothing_from_being_kept_and_acknowledged(
    regency: Regency, outside: Outside, told: dict[str, Any], name: str
) -> None:
    answers = outside.folder / "answers"
    file = answers / name if name else next(answers.iterdir())
    file.write_text("{}")
    entry = regency.append("handovers", **told)

    assert outside.run("follow", "--once") == 1

    assert file.name in outside.said
    assert outside.entries("handovers") == [entry]
    assert outside.read("handovers.json")["acknowledged"] == 1
