"""Looks from inside a container; piped into `docker compose exec -T CONTAINER python - WHAT`.

rights         what this process may do and reach; exit 1 if that is more than it needs
submit COUNT   sends reports to intake's API in this container; prints number and code of each
called TITLE   waits until a mail of this title has come to operators, in the demonstration
await WORDS    takes what `submit` printed, waits until routing has opened a case for each
"""

import http.client
import json
import os
import socket
import sys
import time
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

PATIENCE = 60
NOTICED_IN = 180  # seconds: a minute until it fires
INBOX = "http://mailpit:8025/api/v1/messages?limit=5000"
OPERATORS = "operators@lapor.example"


def rights() -> None:
    """Prints and judges user, capabilities, writable places, neighbours and secrets."""
    status = dict(
        line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines()
    )
    wrong = []
    if os.getuid() != 10001:
        wrong.append(f"runs as user {os.getuid()}")
    for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb"):
        if int(status[name], 16):
            wrong.append(f"has capabilities: {name} {status[name]}")
    if status["NoNewPrivs"] != "1":
        wrong.append("may gain privileges")
    wrong += [
        f"can write {place}" for place in ("/", "/lapor", "/run/secrets", "/var") if _writes(place)
    ]
    met = [
        n for n in ("postgres:5432", "rabbitmq:5672", "mailpit:1025", "1.1.1.1:443") if _meets(n)
    ]
    holds = sorted(os.listdir("/run/secrets"))
    print(f"{_name():18} meets {', '.join(met)}; holds {', '.join(holds)}")
    if wrong or met != _expected():
        sys.exit("; ".join(wrong) or f"should meet {_expected()}")


def _name() -> str:
    command = Path("/proc/1/cmdline").read_text().split("\0")
    words = [word for word in command if word.startswith("services.") or word in ("api", "worker")]
    return "-".join(words).removeprefix("services.")


def _expected() -> list[str]:
    broker = ["rabbitmq:5672"] if _name().endswith("-worker") else []
    mail = ["mailpit:1025"] if _name() == "notify-worker" else []
    return ["postgres:5432", *broker, *mail]


def _writes(place: str) -> bool:
    file = f"{place}/{uuid4()}"
    try:
        Path(file).touch(exist_ok=False)
    except OSError:
        return False
    Path(file).unlink()
    return True


def _meets(place: str) -> bool:
    host, _, port = place.partition(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True


def submit(count: int) -> None:
    """Sends reports, one after the other."""
    for number in range(count):
        report = {
            "kind": "complaint", "title": f"Jalan rusak {number}", "text": "Berlubang sejak lama.",
            "event_date": datetime.now(UTC).date().isoformat(), "place": {"district": "63.02.06"},
            "confidentiality": "anonymous",
        }  # fmt: skip
        receipt = _post("/reports", report, {"Idempotency-Key": str(uuid4())})
        print(receipt["number"], receipt["code"], flush=True)


def await_cases(words: list[str]) -> None:
    """Returns when every report has its case; `words` are number, code, number, code, ..."""
    reports = list(zip(words[::2], words[1::2], strict=True))
    deadline, missing = time.monotonic() + PATIENCE, reports
    while missing:
        missing = [pair for pair in missing if not _has_case(*pair)]
        if missing and time.monotonic() > deadline:
            sys.exit(f"{len(missing)} of {len(reports)} reports have no case after {PATIENCE} s")
        time.sleep(0.5)
    print(f"{len(reports)} reports have their case")


def called(title: str) -> None:
    """Returns when the mail is there."""
    deadline = time.monotonic() + NOTICED_IN
    while True:
        with urllib.request.urlopen(INBOX, timeout=10) as answer:
            mails = json.load(answer)["messages"]
        if any(
            mail["Subject"] == title and mail["To"][0]["Address"] == OPERATORS for mail in mails
        ):
            print(f"mailed to {OPERATORS}: {title}")
            return
        if time.monotonic() > deadline:
            sys.exit(f"no mail tells of it: {title}")
        time.sleep(2)


def _has_case(number: str, code: str) -> bool:
    seen = _post("/reports/track", {"number": number, "code": code}, {})
    return any(entry["what"] == "case.opened" for entry in seen["timeline"])


def _post(path: str, body: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
    """Posts, and again when told to come later."""
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", 8000, timeout=10)
        told = {"Content-Type": "application/json", **headers}
        connection.request("POST", f"/v1{path}", json.dumps(body), told)
        answer = connection.getresponse()
        if answer.status < 400:
            return dict(json.load(answer))
        if answer.status != 429:
            sys.exit(f"{path} was answered with {answer.status}: {answer.read().decode()}")
        time.sleep(float(answer.headers.get("Retry-After", "1")))


if __name__ == "__main__":
    what, *words = sys.argv[1:]
    if what == "rights":
        rights()
    elif what == "submit":
        submit(int(words[0]))
    elif what == "called":
        called(*words)
    else:
        await_cases(words)
