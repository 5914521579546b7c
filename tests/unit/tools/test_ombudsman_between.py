"""The reference client and what stands between it and the regency, or beside it in its folder: keys
under borrowed names, proxies that answer by themselves, another program at work."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from joserfc.jwk import OKPKey

from tests.harness.outside import PROGRAM, Outside, changed
from tests.harness.waiting import eventually
from tests.unit.tools.regency import Regency

pytestmark = pytest.mark.fault

NUMBER = "KTB-12345-67890"
ANSWER = f"handovers/{NUMBER}/answers"
CUT = (
    ("followed.py", "        if alone:\n", "        if True:\n"),
    ("store.py", "with self.taking_away():", "if True:"),
)
UNFINISHED = 'if not line.endswith(b"\\n"):\n                        '


def test_pin_shows_thumbprints_and_trusts_what_is_named(regency: Regency, outside: Outside) -> None:
    (outside.folder / "keys.json").unlink()

    assert outside.run("pin") == 0, outside.said
    assert f"NEW   {regency.kid}\n" in outside.said
    assert not (outside.folder / "keys.json").exists()
    assert outside.run("follow", "--once") == 3
    for unknown in ("x" * 43, "-" + "x" * 42):  # one thumbprint in 64 begins with a dash
        assert outside.run("pin", regency.kid, unknown) == 1
        assert "nothing was pinned" in outside.said
    assert not (outside.folder / "keys.json").exists()

    assert outside.run("pin", regency.kid) == 0, outside.said
    assert outside.run("follow", "--once") == 0, outside.said


def shows(regency: Regency, outside: Outside) -> str:
    """A man in the middle shows his key under the honest name, before anything was pinned; what
    must hold: nobody is told that name as if it were this key's."""
    (outside.folder / "keys.json").unlink()
    [honest] = regency.keys()["keys"]
    stranger = OKPKey.generate_key("Ed25519").as_dict(private=False)
    shown = json.dumps({"keys": [{**stranger, "kid": honest["kid"]}]}).encode()
    regency.answers["keys"] = [(200, shown)]

    assert outside.run("pin", honest["kid"]) == 3, outside.said
    assert not (outside.folder / "keys.json").exists()
    return outside.said


def test_a_key_under_the_name_of_another_is_refused(regency: Regency, outside: Outside) -> None:
    assert f"key {regency.kid} does not hold (thumbprint)" in shows(regency, outside)


def test_a_client_that_compares_names_pins_the_key_of_the_man_in_the_middle(
    regency: Regency, outside: Outside, tmp_path: Path
) -> None:
    """The negative control."""
    believes = (
        ("pinning.py", "if thumbprint(key) != kid:", "if False:"),
        ("chain.py", 'if thumbprint(key) != jwk["kid"]:', "if False:"),
    )
    outside.program = changed(tmp_path / "believes", *believes)

    with pytest.raises(AssertionError, match="pinned"):
        shows(regency, outside)


@pytest.mark.parametrize("key", [None, {}, {"kid": "k", "crv": "Ed25519", "x": 7}])
def test_what_is_no_key_ends_with_evidence(regency: Regency, outside: Outside, key: object) -> None:
    regency.answers["keys"] = [(200, json.dumps({"keys": [key]}).encode())]

    assert outside.run("pin") == 3, outside.said
    assert "Traceback" not in outside.said


TAKEN = (200, json.dumps({"number": NUMBER, "answer": "received", "at": "x"}).encode())
PASSING = [
    (500, b"{}"), (502, b"x"), (503, b"{}"), (507, b""), (408, b"{}"), (429, b"{}"),
    (200, b"<html>Log in</html>"), (200, b"[]"), (302, b""), (200, b"{}"),
    (200, TAKEN[1].replace(b"123", b"124")), (200, TAKEN[1].replace(b"rec", b"x")),
    (200, TAKEN[1].replace(b"at", b"by")),
]  # fmt: skip


@pytest.mark.parametrize("passing", PASSING, ids=lambda told: f"{told[0]} {told[1].decode()}")
def test_an_answer_that_was_not_heard_is_sent_again(
    regency: Regency, outside: Outside, passing: tuple[int, bytes]
) -> None:
    regency.answers[ANSWER] = [passing, TAKEN]

    assert outside.run("answer", NUMBER, "received") == 2
    assert outside.run("follow", "--once") == 0, outside.said

    [file] = (outside.folder / "answers").iterdir()
    assert json.loads(file.read_text())["result"]["taken"] is True
    first, second = regency.signed
    assert first == second


NOTED = {"stream": "monitoring", "epoch": 1, "position": 1, "at": "x"}
OTHERS = [{}, {"stream": "handovers"}, {"epoch": 2}, {"position": 2}, {"position": True}]


@pytest.mark.parametrize("other", OTHERS, ids=json.dumps)
def test_what_is_not_noted_as_it_was_sent_is_acknowledged_again(
    regency: Regency, outside: Outside, other: dict[str, object]
) -> None:
    odd = NOTED | other if other else {}
    regency.answers["acknowledgements"] = [
        (200, json.dumps(told).encode()) for told in (odd, NOTED)
    ]

    assert outside.run("follow", "--once") == 2
    assert outside.read("monitoring.json")["acknowledged"] == 0
    assert outside.run("follow", "--once") == 0, outside.said

    assert outside.read("monitoring.json")["acknowledged"] == 1


def test_a_refusal_is_one_whatever_it_calls_itself(regency: Regency, outside: Outside) -> None:
    said = {"taken": True, "status": 200, "title": "no"}
    regency.answers[ANSWER] = [(409, json.dumps(said).encode())]

    assert outside.run("answer", NUMBER, "received") == 1

    [file] = (outside.folder / "answers").iterdir()
    assert json.loads(file.read_text())["result"] == said | {"taken": False, "status": 409}


@pytest.mark.parametrize(("path", "name"), [("feed", "events"), ("checkpoints", "checkpoints")])
def test_more_that_is_not_shown_is_not_asked_for_without_a_rest(
    regency: Regency, outside: Outside, path: str, name: str
) -> None:
    pages = [{name: [], "cursor": "", "more": more} for more in (True, True, True, False)]
    regency.answers[path] = [(200, json.dumps(page).encode()) for page in pages]

    assert outside.run("follow", "--once") == 2
    assert "it says that there is more, and shows nothing" in outside.said
    assert regency.asked.count(f"GET {path}") == 2  # of each stream


@pytest.mark.parametrize("path", ["feed", "checkpoints", "keys"])
def test_a_page_that_is_no_answer_of_the_regency_is_no_alarm(
    regency: Regency, outside: Outside, path: str
) -> None:
    regency.answers[path] = [(200, b'{"hello": "sign in"}')]

    assert outside.run("follow", "--once") == 2
    assert "away" in outside.said


def test_one_program_at_a_time_follows_and_others_look_meanwhile(
    regency: Regency, outside: Outside
) -> None:
    running = outside.start("listen", "--port", 0)
    try:
        eventually(outside.entries, "it follows", seconds=40)
        for command in (("follow", "--once"), ("listen", "--port", 0), ("rejoin",)):
            assert outside.run(*command) == 2
            assert "another program follows in this folder" in outside.said
        for command in (("verify",), ("pin",), ("status",), ("answer", NUMBER, "received")):
            assert outside.run(*command) == 0, outside.said
    finally:
        running.kill()
        running.communicate()
    assert outside.run("follow", "--once") == 0, "the lock goes with who had it"


def leaves_what_another_writes(outside: Outside) -> None:
    """What must hold while a line is being written: `verify` holds without it, and it stays."""
    assert outside.run("follow", "--once") == 0, outside.said
    file = outside.folder / "monitoring.jsonl"
    written = file.read_text() + '{"half": "a li'
    file.write_text(written)

    assert outside.run("verify") == 0, outside.said
    assert "monitoring: 1 entries hold" in outside.said
    assert file.read_text() == written, "it was cut"


def test_verify_leaves_what_another_is_writing(outside: Outside) -> None:
    leaves_what_another_writes(outside)
    assert outside.program == PROGRAM


def test_a_verify_that_cuts_takes_away_what_another_is_writing(
    outside: Outside, tmp_path: Path
) -> None:
    """The negative control."""
    outside.program = changed(tmp_path / "cuts", *CUT)

    with pytest.raises(AssertionError, match="it was cut"):
        leaves_what_another_writes(outside)


def reads_whole_lines(regency: Regency, outside: Outside, folder: Path, mistake: str) -> None:
    """What must hold while another program finishes a line, just as its half was read."""
    assert outside.run("follow", "--once") == 0, outside.said
    line = json.dumps(regency.append()) + "\n"
    with open(outside.folder / "monitoring.jsonl", "a") as file:
        file.write(line[:50])
    finishes = f'with open(file, "a") as other:\n{" " * 28}other.write({line[50:]!r})\n'
    edit = ("store.py", UNFINISHED, f"{UNFINISHED}{finishes}{' ' * 24}")
    outside.program = changed(folder, edit, ("store.py", "return\n" + " " * 20 + "yield", mistake))

    assert outside.run("verify") == 0, outside.said
    assert "monitoring: 1 entries hold" in outside.said
    outside.program = PROGRAM
    assert outside.run("verify") == 0, outside.said
    assert "monitoring: 2 entries hold" in outside.said


def test_a_line_that_is_finished_meanwhile_is_not_read_in_halves(
    regency: Regency, outside: Outside, tmp_path: Path
) -> None:
    reads_whole_lines(regency, outside, tmp_path / "whole", "return\n" + " " * 20 + "yield")


def test_a_client_that_passes_over_half_a_line_reads_its_end_as_one(
    regency: Regency, outside: Outside, tmp_path: Path
) -> None:
    """The negative control."""
    with pytest.raises(AssertionError, match=r"line 3 of .* is damaged"):
        reads_whole_lines(regency, outside, tmp_path / "half", "continue\n" + " " * 20 + "yield")
