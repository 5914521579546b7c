"""A mail server in the test's own process that does what the test tells it."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from deploy.local.process import free_port


class Postbox:
    """Keeps every mail; `script` holds what it does to the next ones instead of taking them.

    `rcpt 451 text` and `data 554 text` answer so at that step; `hang` says nothing more, `drip`
    only a line now and then; `drop` takes the mail and closes the connection without a word, `away`
    closes it when the next begins. `slow` takes the mail and says so after `slowness` seconds.
    """

    def __init__(self) -> None:
        self.script: deque[str] = deque()
        self.slowness = 60.0
        self.mails: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.senders: set[str] = set()
        self.greetings: set[str] = set()
        self.peers: set[object] = set()
        self.port = free_port()

    def start(self, **how: Any) -> None:
        """Serves; `how` are aiosmtpd's own settings."""
        self._server = Controller(self, hostname="127.0.0.1", port=self.port, **how)
        self._server.start()

    def start_protected(self, certificate: Path, **how: Any) -> None:
        """Serves over TLS only, and only the user `lapor` with the password `right`."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
        self.start(
            tls_context=context, require_starttls=True, auth_required=True,
            authenticator=knows_one, **how,
        )  # fmt: skip

    def stop(self) -> None:
        self._server.stop()

    def _next(self, step: str) -> str:
        return self.script.popleft() if self.script and self.script[0].startswith(step) else ""

    async def handle_MAIL(self, server, session, envelope, address, options) -> str:
        self.greetings.add(session.host_name)
        self.peers.add(session.peer)
        if self._next("away"):
            server.transport.abort()
        self.senders.add(address)
        envelope.mail_from = address
        return self._next("mail").removeprefix("mail ") or "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options) -> str:
        if self._next("hang"):
            await asyncio.sleep(60)
        if self._next("drip"):
            for _ in range(30):
                await server.push("250-wait")
                await asyncio.sleep(2)
        envelope.rcpt_tos.append(address)
        return self._next("rcpt").removeprefix("rcpt ") or "250 OK"

    async def handle_DATA(self, server, session, envelope) -> str:
        if refused := self._next("data"):
            return refused.removeprefix("data ")
        self.mails.append(message_from_bytes(envelope.content, policy=default))
        self.recipients.append(list(envelope.rcpt_tos))
        if self._next("drop"):
            server.transport.abort()
        if self._next("slow"):
            await asyncio.sleep(self.slowness)
        return "250 taken"

    @property
    def ids(self) -> list[str]:
        """The Message-ID of every mail."""
        return [str(mail["Message-ID"]) for mail in self.mails]


def knows_one(server, session, envelope, mechanism, data) -> AuthResult:
    """Lets in `lapor` with the password `right`."""
    return AuthResult(success=(data.login, data.password) == (b"lapor", b"right"), handled=False)
