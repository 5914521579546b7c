"""A regency, or whoever stands before it, that means harm: the reference client is led nowhere,
signs nothing that it did not write, and ends with evidence."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwe
from joserfc.jwk import ECKey
from joserfc.registry import HeaderParameter

from tests.harness.outside import Outside, changed
from tests.unit.tools.regency import Regency

pytestmark = pytest.mark.fault

NUMBER = "KTB-12345-67890"
ID = "msg_0123456789abcdef"


def evidence(outside: Outside) -> list[dict[str, Any]]:
    return [json.loads(file.read_text()) for file in (outside.folder / "evidence").iterdir()]


def part(text: str, **other: str) -> dict[str, str]:
    """Something sealed, by what it is named."""
    named = {"part": "report", "key_id": "o", "sha256": sha256(text.encode()).hexdigest()}
    return {**named, "sealed": text, **other}


def dossier(*parts: dict[str, str], **other: Any) -> dict[str, Any]:
    """A regency's answer: a dossier that names these parts, and comes with them."""
    named = [{n: v for n, v in one.items() if n != "sealed"} for one in parts]
    return {"dossier": {"parts": named}, "sealed": list(parts), "erased_at": None, **other}


def plant(regency: Regency, subject: str) -> None:
    """A hand-over whose dossier is an answer, if it is written where answers stand."""
    order = json.dumps({"number": NUMBER, "answer": "closed"})
    told = dossier(id=ID, written=1, body=order, result=None)
    regency.hand_over(subject, told)
    regency.answers[f"answers/{ID}"] = regency.answers[f"dossiers/{subject}"]


def leads_nowhere(regency: Regency, outside: Outside) -> None:
    """What must hold: nothing was asked for, written or signed by that name."""
    assert outside.run("follow", "--once") == 3
    assert "handovers: entry 1 does not hold (subject)" in outside.said
    outside.run("answer", NUMBER, "received")
    assert not [path for path in regency.asked if "dossiers" in path]
    assert not (outside.folder / "answers" / f"{ID}.json").exists()
    assert {json.loads(body)["answer"] for body in regency.signed} == {"received"}


def test_a_subject_that_is_no_number_is_refused_with_evidence(
    regency: Regency, outside: Outside
) -> None:
    plant(regency, f"../answers/{ID}")

    leads_nowhere(regency, outside)

    [found] = evidence(outside)
    assert (found["check"], found["position"]) == ("subject", 1)
    assert found["page"]["events"] == regency.entries["handovers"]
    assert outside.entries("handovers") == []


def test_a_client_that_believes_the_subject_signs_what_the_regency_wrote(
    regency: Regency, outside: Outside, tmp_path: Path
) -> None:
    """The negative control: each of these alone would have stopped it."""
    outside.program = changed(
        tmp_path / "believes",
        ("chain.py", "NUMBER.fullmatch(text) is not None", "True"),
        ("dossiers.py", "kept = {name: answer[name] for name in MEMBERS if name in answer}",
         "kept = dict(answer)"),
        ("store.py", "if not known or (inside / file)", "if False and (inside / file)"),
        ("store.py", "if not ours or name", "if False and name"),
    )  # fmt: skip
    plant(regency, f"../answers/{ID}")

    for _ in range(2):  # once for the dossier, once for what it became
        outside.run("follow", "--once")

    assert [json.loads(body)["answer"] for body in regency.signed] == ["closed"], outside.said


@pytest.mark.parametrize("broken", ["name", "member"])
def test_a_file_among_the_answers_that_was_not_written_as_one_is_not_signed(
    regency: Regency, outside: Outside, broken: str
) -> None:
    """As it stands where the hole was used before it was closed."""
    said = {"id": ID, "written": 1, "body": json.dumps({"number": NUMBER}), "result": None}
    said |= {"dossier": {}} if broken == "member" else {"id": f"{ID}0"}
    (outside.folder / "answers" / f"{ID}.json").write_text(json.dumps(said))

    assert outside.run("follow", "--once") == 1

    assert "nothing is signed" in outside.said
    assert regency.signed == []


def test_what_others_wrote_cannot_steer_the_terminal(regency: Regency, outside: Outside) -> None:
    regency.append(subject="\x1b[2J\x9b1m\r\u202eFINE\ud7ff", type="x\x1b]0;y\x07\x7f")
    problem = {"code": "x", "title": "\x1b[2Jno", "errors": "\x08"}
    regency.answers["checkpoints"] = [
        (200, b'{"checkpoints": [], "cursor": "", "more": false}'),
        (403, json.dumps(problem).encode()),
    ]

    assert outside.run("follow", "--once") == 1

    assert "monitoring 2 x\\x1b]0;y\\x07\\x7f \\x1b[2J\\x9b1m\\r\\u202eFINE" in outside.said
    assert "403: \\x1b[2Jno \\x08" in outside.said
    assert not [one for one in outside.said if not one.isprintable() and one != "\n"]


def test_of_a_dossier_only_what_is_known_is_kept(regency: Regency, outside: Outside) -> None:
    regency.hand_over(NUMBER, dossier(part("x", more="y"), opened=[{"part": "identity"}], id=ID))

    assert outside.run("follow", "--once") == 0, outside.said

    kept = outside.read(f"dossiers/{NUMBER}.json")
    assert kept.keys() == {"dossier", "sealed", "erased_at", "opened"}
    assert kept["sealed"] == [part("x")]
    assert [one["part"] for one in kept["opened"]] == ["report"]


def envelope(outside: Outside, **content: str) -> str:
    """Sealed for the office, about this case."""
    return enveloped(outside, json.dumps(content))


def enveloped(outside: Outside, text: str) -> str:
    """The same, of any text."""
    file = outside.folder.parent / "secrets" / "ombudsman-private-key.json"
    registry = jwe.JWERegistry(
        header_registry={"sub": HeaderParameter("Subject", "str", required=True)},
        algorithms=["ECDH-ES", "A256GCM"],
    )
    header = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": "o", "sub": NUMBER}
    key = ECKey.import_key(json.loads(file.read_text()))
    return jwe.encrypt_compact(header, text.encode(), key, registry=registry)


def test_words_that_were_sealed_as_another_part_are_not_shown_as_this_one(
    regency: Regency, outside: Outside
) -> None:
    inside = ({"part": "report", "text": "a"}, {"text": "b"}, {"part": "reply", "text": "c"})
    regency.hand_over(NUMBER, dossier(*(part(envelope(outside, **one)) for one in inside)))

    assert outside.run("follow", "--once") == 0, outside.said

    opened = outside.read(f"dossiers/{NUMBER}.json")["opened"]
    assert [one.get("opened", {}).get("text") for one in opened] == ["a", "b", None]
    assert opened[2]["error"] == "ValueError: sealed as another part"


UNTRUE: dict[str, Callable[[dict[str, Any]], object]] = {
    "one left out": lambda told: told["sealed"].pop(),
    "all left out": lambda told: told["sealed"].clear(),
    "one in place of another": lambda told: told["sealed"].__setitem__(1, told["sealed"][0]),
    "one twice": lambda told: told["sealed"].append(told["sealed"][0]),
    "called another": lambda told: told["sealed"][0].update(part="identity"),
    "for another key": lambda told: told["sealed"][0].update(key_id="p"),
    "with the hash of another": lambda told: told["sealed"][0].update(sealed="y"),
    "without a hash": lambda told: told["sealed"][0].pop("sha256"),
    "no list": lambda told: told.update(sealed=None),
    "erased too deeply": lambda told: told.update(erased_at=nested(200)),
    "no dossier": lambda told: told.update(dossier=[]),
}


@pytest.mark.parametrize("name", UNTRUE)
def test_a_dossier_without_each_part_that_it_names_is_refused(
    regency: Regency, outside: Outside, name: str
) -> None:
    told = dossier(part("x"), part("y"))
    regency.hand_over(NUMBER, told)
    UNTRUE[name](told)
    regency.answers[f"dossiers/{NUMBER}"] = [(200, json.dumps(told).encode())]

    assert outside.run("follow", "--once") == 3

    assert "handovers: entry 1 does not hold (dossier: " in outside.said
    [found] = evidence(outside)
    assert found["page"] == told
    assert not (outside.folder / "dossiers" / f"{NUMBER}.json").exists()


def test_parts_that_were_erased_are_not_missed(regency: Regency, outside: Outside) -> None:
    """Also when that happened while the regency read the dossier and was not yet told with it."""
    told = dossier(part("x"), part("y"))
    regency.hand_over(NUMBER, told)
    amid, after = told | {"sealed": []}, told | {"sealed": [], "erased_at": "2027-01-04T02:00:00Z"}
    regency.answers[f"dossiers/{NUMBER}"] = [(200, json.dumps(o).encode()) for o in (amid, after)]

    assert outside.run("follow", "--once") == 0, outside.said

    assert regency.asked.count(f"GET dossiers/{NUMBER}") == 2
    assert outside.read(f"dossiers/{NUMBER}.json")["erased_at"]


@pytest.mark.parametrize("came", [0, 1, 2])
def test_how_many_parts_were_erased_is_told(regency: Regency, outside: Outside, came: int) -> None:
    told = dossier(part("x"), part("y"), erased_at="2027-01-04T02:00:00Z")
    told["sealed"] = told["sealed"][:came]
    regency.hand_over(NUMBER, told)

    assert outside.run("follow", "--once") == 0, outside.said

    told = f"dossier {NUMBER}: {2 - came} of 2 parts did not come: the regency says that they were"
    assert (f"{told} erased at 2027-01-04T02:00:00Z\n" in outside.said) == (came < 2)
    assert (f"dossier {NUMBER}\n" in outside.said) == (came == 2)
    assert outside.run("status") == 0
    shown = json.loads(outside.said)
    assert shown["erased"] == shown["unexplained"] == ([NUMBER] if came < 2 else [])


@pytest.mark.parametrize("data", [{"at": "2027-01-20T02:00:00Z"}, {"at": 7}, {}])
def test_that_a_reporter_took_the_consent_back_is_said_though_nothing_was_sealed(
    regency: Regency, outside: Outside, data: dict[str, Any]
) -> None:
    regency.hand_over(NUMBER, dossier())
    assert outside.run("follow", "--once") == 0, outside.said
    assert "CONSENT" not in outside.said
    ended = {"type": "feed.case.consent_ended.v1", "subject": NUMBER}
    regency.append("handovers", **ended, data=data)
    when = data.get("at") if data.get("at") != 7 else None

    for command in (("follow", "--once"), ("verify",)):
        assert outside.run(*command) == 0, outside.said
        assert f"{NUMBER}: CONSENT ENDED at {when or 'no time'}: its" in outside.said

    assert outside.run("status") == 0
    assert json.loads(outside.said)["consent_ended"] == {NUMBER: when}


def test_an_erasure_that_the_chain_tells_explains_what_did_not_come(
    regency: Regency, outside: Outside
) -> None:
    parts = [part("x"), part("y")]
    told = dossier(*parts, erased_at="2027-01-04T02:00:00Z") | {"sealed": []}
    regency.hand_over(NUMBER, told)
    gone = [{"part": "report", "sha256": one["sha256"]} for one in parts]
    for some, unexplained in ((gone[:1], [NUMBER]), (gone, [])):
        data = {"parts": some, "why": "operator"}
        regency.append("handovers", type="feed.case.erased.v1", subject=NUMBER, data=data)

        assert outside.run("follow", "--once") == 0, outside.said

        missing = f"dossier {NUMBER}: MISSING: report {parts[1]['sha256']}. It names them"
        assert outside.run("verify") == (1 if unexplained else 0), outside.said
        assert (missing in outside.said) == bool(unexplained)
        assert outside.run("status") == 0
        assert json.loads(outside.said)["unexplained"] == unexplained
    regency.append("handovers", type="feed.case.erased.v1", subject=NUMBER, data={"parts": [7]})
    assert outside.run("follow", "--once") == 0, outside.said
    assert outside.run("status") == 0, outside.said


FORMS: dict[str, Callable[[dict[str, Any]], object]] = {
    "half a character": lambda entry: entry["data"].update(n="\ud800"),
    "half a character in a name": lambda entry: entry["data"].update({"\ud800": 1}),
    "no source": lambda entry: entry.update(source=None),
    "a list as key": lambda entry: entry.update(kid=[]),
    "no type": lambda entry: entry.pop("type"),
    "too deep": lambda entry: entry.update(data=nested(400)),
}


def nested(depth: int) -> Any:
    return [nested(depth - 1)] if depth else []


@pytest.mark.parametrize("name", FORMS)
def test_an_entry_that_has_not_the_form_of_one_ends_with_evidence(
    regency: Regency, outside: Outside, name: str
) -> None:
    entry = regency.append()
    FORMS[name](entry)

    assert outside.run("follow", "--once") == 3, outside.said

    assert "monitoring: entry 2 does not hold (" in outside.said
    assert "Traceback" not in outside.said
    [found] = evidence(outside)
    assert found["position"] == 2
    assert outside.entries() == []


def test_what_is_nested_too_deeply_is_no_entry_though_it_is_signed(
    regency: Regency, outside: Outside
) -> None:
    """It could be written and not read again."""
    regency.append(data=nested(200))

    assert outside.run("follow", "--once") == 3, outside.said

    assert "monitoring: entry 2 does not hold (form)" in outside.said


def test_of_a_refusal_that_is_nested_too_deeply_the_status_is_kept(
    regency: Regency, outside: Outside
) -> None:
    regency.answers[f"handovers/{NUMBER}/answers"] = [
        (409, b'{"errors": ' + b"[" * 900 + b"]" * 900 + b"}")
    ]

    assert outside.run("answer", NUMBER, "received") == 1

    assert "Traceback" not in outside.said
    assert [a["result"] for a in outside.documents("answers")] == [{"taken": False, "status": 409}]


@pytest.mark.parametrize("one", [None, 7, [], {}, {"position": 1, "kid": []}, {"position": "1"}])
def test_a_checkpoint_that_has_not_the_form_of_one_ends_with_evidence(
    regency: Regency, outside: Outside, one: Any
) -> None:
    told = {"checkpoints": [one], "cursor": "1", "more": False}
    regency.answers["checkpoints"] = [(200, json.dumps(told).encode())]

    assert outside.run("follow", "--once") == 3, outside.said

    assert "Traceback" not in outside.said
    assert len(evidence(outside)) == 1


@pytest.mark.parametrize(
    "one",
    [
        None, {}, {"epoch": [], "before": {}}, {"epoch": 2, "before": None, "cursor": "x"},
        {"epoch": 2, "before": {"epoch": 1, "position": 0, "hash": "00"}, "cursor": "\ud800"},
    ],
)  # fmt: skip
def test_what_is_told_of_epochs_in_another_form_ends_with_evidence(
    regency: Regency, outside: Outside, one: Any
) -> None:
    regency.answers["epochs"] = [(200, json.dumps({"epochs": [one]}).encode())]

    assert outside.run("rejoin") == 3, outside.said

    assert "monitoring: what is told of epochs does not hold (form)" in outside.said
