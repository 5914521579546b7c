"""An inbox for development: takes every mail, sends none, and shows them on a small page.

    python -m deploy.local.mailbox FOLDER SMTP_PORT HTTP_PORT

Each mail is a file in FOLDER. GET /mails answers with all of them as JSON, oldest first; DELETE
/mails forgets them.
Tests make it misbehave with PUT /mood and one of `accept`, `reject` (550), `defer` (451) or
`hang`, optionally followed by a space and how many recipients that lasts for.
"""

import asyncio
import email
import html
import json
import sys
import time
from dataclasses import asdict, dataclass
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller

HANG = 600  # seconds, longer than any sender's patience
# Like real ones, these quote who was written to, and it is ours to keep that out of our logs.
ANSWERS = {
    "reject": "550 5.1.1 <{}>: no such mailbox",
    "defer": "451 4.3.0 <{}>: try again later",
}


@dataclass(frozen=True)
class Mail:
    """What arrived: `to` is the envelope's recipients, `headers` all of the message's."""

    to: list[str]
    sender: str
    subject: str
    text: str
    headers: dict[str, str]


class Mailbox:
    """The mails in a folder, and how it treats the next ones."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mood, self._left = "accept", -1
        folder.mkdir(parents=True, exist_ok=True)

    def set_mood(self, words: str) -> None:
        """`reject 3` refuses three recipients, then accepts; without a number it lasts."""
        mood, _, times = words.partition(" ")
        if mood not in ("accept", "hang", *ANSWERS):
            raise ValueError(mood)
        self.mood, self._left = mood, int(times or -1)

    def next_mood(self) -> str:
        """The mood for one recipient; a counted one wears off."""
        if self._left == 0:
            self.mood, self._left = "accept", -1
        if self._left > 0:
            self._left -= 1
        return self.mood

    def keep(self, sender: str, recipients: list[str], content: bytes) -> None:
        """Stores one mail whole before it is acknowledged."""
        name = f"{time.time_ns()}"
        envelope = json.dumps({"from": sender, "to": recipients}).encode()
        fresh = self.folder / f"{name}.new"
        fresh.write_bytes(envelope + b"\n" + content)
        fresh.rename(self.folder / f"{name}.eml")

    def mails(self) -> list[Mail]:
        """All mails, oldest first."""
        return [_read(file) for file in sorted(self.folder.glob("*.eml"))]

    def forget(self) -> None:
        for file in self.folder.glob("*.eml"):
            file.unlink()


def _read(file: Path) -> Mail:
    envelope, _, content = file.read_bytes().partition(b"\n")
    places = json.loads(envelope)
    message = email.message_from_bytes(content, policy=default)
    body = message.get_body(("plain",)) if isinstance(message, EmailMessage) else None
    return Mail(
        to=places["to"], sender=places["from"], subject=str(message["Subject"] or ""),
        text=body.get_content() if isinstance(body, EmailMessage) else "",
        headers={name: str(value) for name, value in message.items()},
    )  # fmt: skip


class Smtp:
    """aiosmtpd's handler."""

    def __init__(self, mailbox: Mailbox) -> None:
        self.mailbox = mailbox

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        mood = self.mailbox.next_mood()
        if mood == "hang":
            await asyncio.sleep(HANG)
        if mood in ANSWERS:
            return ANSWERS[mood].format(address)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mailbox.keep(envelope.mail_from or "", envelope.rcpt_tos, envelope.content)
        return "250 kept"


class Page(BaseHTTPRequestHandler):
    """Shows and controls the mailbox that the server carries."""

    @property
    def mailbox(self) -> Mailbox:
        found: Mailbox = self.server.mailbox  # type: ignore[attr-defined]
        return found

    def do_GET(self) -> None:
        if self.path == "/mails":
            mails = [asdict(mail) for mail in self.mailbox.mails()]
            self._answer(200, "application/json", json.dumps(mails))
        elif self.path == "/":
            self._answer(200, "text/html; charset=utf-8", _page(self.mailbox.mails()))
        else:
            self._answer(404, "text/plain", "nothing here")

    def do_DELETE(self) -> None:
        self.mailbox.forget()
        self._answer(200, "text/plain", "forgotten")

    def do_PUT(self) -> None:
        words = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
        try:
            self.mailbox.set_mood(words)
        except ValueError:
            self._answer(422, "text/plain", "accept, reject, defer or hang, and a number")
        else:
            self._answer(200, "text/plain", words)

    def log_message(self, *_: Any) -> None:
        """Says nothing: who was written to stays out of the log."""

    def _answer(self, status: int, kind: str, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _page(mails: list[Mail]) -> str:
    shown = "".join(
        f"<article><h2>{html.escape(mail.subject)}</h2><p>{html.escape(', '.join(mail.to))}</p>"
        f"<pre>{html.escape(mail.text)}</pre></article>"
        for mail in reversed(mails)
    )
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><meta http-equiv=refresh content=5>"
        "<title>Mailbox</title><style>body{font:16px sans-serif;max-width:45em;margin:2em auto}"
        "article{border-top:1px solid}pre{white-space:pre-wrap}</style>"
        f"<h1>{len(mails)} mails</h1>{shown or '<p>Nothing has been sent yet.</p>'}</html>"
    )


def main(folder: Path, smtp_port: int, http_port: int) -> None:
    """Serves until it is told to stop."""
    mailbox = Mailbox(folder)
    Controller(Smtp(mailbox), hostname="127.0.0.1", port=smtp_port, ident="lapor").start()
    page = ThreadingHTTPServer(("127.0.0.1", http_port), Page)
    page.mailbox = mailbox  # type: ignore[attr-defined]
    page.serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
