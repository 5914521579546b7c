"""Whoever is shown a proof can tell whether the regency gave it, whatever was done to it since."""

import json
import subprocess
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from textwrap import wrap
from threading import Thread
from typing import Any

import pytest

from tests.harness import guides
from tests.unit.intake.proofs import (
    KEYS,
    NUMBER,
    OURS,
    PROOF,
    RECEIPT,
    THEIRS,
    TOOL,
    WRONGS,
    dumped,
    half,
    key,
    other_words,
    verifier,
)


@pytest.mark.parametrize("wrong", WRONGS)
def test_what_was_changed_does_not_hold(wrong: str) -> None:
    why, change = WRONGS[wrong]
    with pytest.raises(verifier.Broken, match=why):
        verifier.verify(change(PROOF), verifier.read_keys(KEYS))


@pytest.mark.parametrize("name", ["number", "received_at", "promised"])
def test_a_receipt_that_tells_something_else_does_not_hold(name: str) -> None:
    keys = verifier.read_keys(KEYS)
    assert verifier.verify(PROOF, keys, RECEIPT)["number"] == NUMBER

    with pytest.raises(verifier.Broken, match=f"another {name}"):
        verifier.verify(PROOF, keys, RECEIPT | {name: None})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "keys.json").write_text(KEYS)
    (tmp_path / "proof.txt").write_text(PROOF + "\n")
    entry = {"type": "feed.receipt_key.shown.v1", "data": {**half(OURS), "at": "2026-11-29"}}
    other = [entry | {"type": "feed.key.announced.v1"}, entry | {"data": half(THEIRS)}]
    (tmp_path / "feed.jsonl").write_text("".join(json.dumps(e) + "\n" for e in [*other, entry]))
    swapped = entry | {"data": {**half(THEIRS), "kid": OURS["kid"]}}
    decree = {"type": "feed.rule.amended.v1", "data": {"decree": "a\u2028b"}}
    taken_back = [entry, swapped, entry | {"data": {}}, entry | {"data": None}, decree]
    lines = (json.dumps(each, ensure_ascii=False) + "\n" for each in taken_back)
    (tmp_path / "taken-back.jsonl").write_text("".join(lines))
    (tmp_path / "other.jsonl").write_text("".join(json.dumps(e) + "\n" for e in other))
    return tmp_path


def exits(folder: Path, *words: str, said: str = "") -> tuple[int, str]:
    """How the tool ends, and what it says first."""
    ran = guides.run(TOOL, folder, *words, said=said)
    assert "Traceback" not in ran.stderr
    assert "~" not in ran.stderr
    return ran.returncode, ran.stdout.partition("\n")[0]


def test_the_tool_says_by_its_exit_how_it_went(folder: Path) -> None:
    other = other_words(PROOF)
    assert exits(folder, "--keys", "keys.json", "proof.txt") == (0, "holds")
    assert exits(folder, "--keys", "keys.json", "-", said=PROOF.split("~")[0]) == (
        0, "holds; its words are not shown",
    )  # fmt: skip
    assert exits(folder, "--keys", "keys.json", "-", said=other) == (
        1, "does not hold: it shows something else than was signed",
    )  # fmt: skip
    assert exits(folder, "--feed", "feed.jsonl", "proof.txt") == (0, "holds")
    assert exits(folder, "--feed", "other.jsonl", "proof.txt")[0] == 1
    assert exits(folder, "--feed", "taken-back.jsonl", "proof.txt") == (0, "holds")
    for words in (("--feed", "proof.txt"), ("--keys", "proof.txt"), ("--keys", "nowhere"),
                  ("--url", "http://lapor.example/api"), ("--url", "https://lapor.example:abc"),
                  ("--url", "https://la por.example"), ("--url", "")):  # fmt: skip
        assert exits(folder, *words, "proof.txt")[0] == 2, words


@pytest.mark.parametrize("where", ["> /dev/full", ">&-"])
def test_what_cannot_be_printed_says_nothing_about_a_receipt(folder: Path, where: str) -> None:
    command = f"{sys.executable} {TOOL} --keys keys.json proof.txt {where}"
    ran = subprocess.run(
        ["/bin/sh", "-c", command], cwd=folder, capture_output=True, text=True, check=False
    )

    assert ran.returncode == 2
    assert "Traceback" not in ran.stderr


AS_PEOPLE_HAVE_THEM: dict[str, tuple[int, Callable[[str], str]]] = {
    "the proof of a receipt alone": (0, lambda p: json.dumps({"proof": p})),
    "from an editor that marks its files": (0, lambda p: "\ufeff" + p),
    "in quotation marks": (0, lambda p: json.dumps(p)),
    "with lines broken by a mail": (0, lambda p: "\r\n".join(wrap(p, 76))),
    "not signed": (2, lambda p: json.dumps({"proof": None})),
    "an empty file": (2, lambda p: ""),
    "a page of the web": (2, lambda p: "<!doctype html><title>502</title>"),
    "something else": (2, lambda p: '{"number": "KTB-1"}'),
    "far too long": (2, lambda p: p + "~" * 1_000_000),
    "half a letter": (2, lambda p: '{"proof": "' + p.split("~")[0] + '~\\ud800~"}'),
    "in the quotation marks of a letter": (0, lambda p: f"\u201c{p}\u201d"),
    "with something that is not seen": (0, lambda p: "\u200b" + p),
    "quoted in a mail": (0, lambda p: "> " + "\n> ".join(wrap(p, 70))),
    "a receipt with broken lines": (0, lambda p: json.dumps({"proof": "\n".join(wrap(p, 76))})),
    "a receipt of old": (2, lambda p: json.dumps({"number": NUMBER, "code": "x"})),
    "a server's error": (2, lambda p: "<center>nginx/1.18.0</center>"),
    "sentences": (2, lambda p: "Not a proof. Not at all. No."),
}  # fmt: skip


@pytest.mark.parametrize("kind", AS_PEOPLE_HAVE_THEM)
def test_a_receipt_is_read_as_people_have_it(folder: Path, kind: str) -> None:
    code, spelled = AS_PEOPLE_HAVE_THEM[kind]

    assert exits(folder, "--keys", "keys.json", "-", said=spelled(PROOF))[0] == code


def test_keys_of_other_kinds_are_passed_over() -> None:
    mixed = dumped(
        {"kty": "OKP", "crv": "Ed25519", "x": "AA", "kid": "x"}, half(key("P-384")), half(OURS)
    )

    assert list(verifier.read_keys(mixed.decode())) == [OURS["kid"]]
    for bad in ({**half(OURS), "x": "AA" + half(OURS)["x"]}, {"kty": "EC", "crv": "P-256"}):
        with pytest.raises(verifier.Unreadable):
            verifier.read_keys(dumped(bad).decode())


@pytest.mark.parametrize("somewhere", ["elsewhere", "nonsense"])
def test_keys_come_from_the_address_that_was_named_and_no_other(
    folder: Path, somewhere: str
) -> None:
    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if somewhere == "nonsense":
                self.wfile.write(b"\0\0 what?\r\n\r\n")
            elif self.path == "/elsewhere":
                self.send_response(200)
                self.end_headers()
                self.wfile.write(KEYS.encode())
            else:
                self.send_response(302)
                self.send_header("Location", "/elsewhere")
                self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        assert exits(folder, "--url", url, "proof.txt")[0] == 2
        server.shutdown()


@pytest.mark.parametrize(
    "wrong", [None, "other words", "another number", "nonsense", "cut", "conjured"]
)
def test_it_is_verified_with_the_commands_of_the_guide(folder: Path, wrong: str | None) -> None:
    assert "Verified OK" in guides.by_hand(TOOL, "By other means", folder).stdout
    if wrong:  # beside what the one before left there
        spelled = PROOF.split("~")[0] + "~" if wrong == "cut" else WRONGS[wrong][1](PROOF)
        (folder / "proof.txt").write_text(spelled)

    ran = guides.by_hand(TOOL, "By other means", folder)

    holds = wrong in (None, "cut")
    assert (ran.returncode == 0) is holds, ran.stdout + ran.stderr
    assert ("Verified OK" in ran.stdout) is holds
    assert ("Jalan rusak" in ran.stdout) is (wrong is None)
    assert ran.stdout.startswith("Verified OK") is holds


def test_the_tool_shares_no_code_with_us() -> None:
    assert guides.foreign(TOOL) == {"cryptography"}
