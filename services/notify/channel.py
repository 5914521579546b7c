"""The way to a mailbox: SMTP, in a vocabulary of two errors, without the server's words.

A server's reply may repeat the address, so neither an error nor a log line keeps more of it than
its class. Errors are raised outside `except`: no traceback leads to what smtplib raised.
"""

from __future__ import annotations

import smtplib
import ssl
from contextlib import suppress
from dataclasses import dataclass, field

from services.notify.domain import Stage, Undelivered, refusal

TIMEOUT = 10.0  # seconds for each step of the conversation


@dataclass(frozen=True)
class Smtp:
    """A mail server, and how we present ourselves: `hello` never is this machine's own name."""

    host: str
    port: int
    hello: str
    starttls: bool = False
    user: str = ""
    password: str = field(default="", repr=False)
    timeout: float = TIMEOUT

    def send(self, sender: str, recipient: str, message: bytes) -> None:
        """Hands a message over; returns when the server has taken it.

        Raises Rejected (never again) or Unavailable (again later).
        """
        conversation = _Conversation(self)
        error: Undelivered | None = None
        try:
            conversation.hold(sender, recipient, message)
        except _Refused as refused:
            error = refusal(conversation.stage, refused.code)
        except (smtplib.SMTPException, OSError, ValueError) as failure:
            code = getattr(failure, "smtp_code", None)
            error = refusal(conversation.stage, code if isinstance(code, int) else None)
        finally:
            conversation.end()
        if error is not None:
            raise error


class _Refused(Exception):
    def __init__(self, code: int) -> None:
        super().__init__()
        self.code = code


class _Conversation:
    """One connection; `stage` says how far it got."""

    def __init__(self, server: Smtp) -> None:
        self._server = server
        self._smtp: smtplib.SMTP | None = None
        self.stage = Stage.CONNECT

    def hold(self, sender: str, recipient: str, message: bytes) -> None:
        server = self._server
        smtp = self._smtp = smtplib.SMTP(
            server.host, server.port, local_hostname=server.hello, timeout=server.timeout
        )
        self.stage = Stage.HELLO
        smtp.ehlo_or_helo_if_needed()
        if server.starttls:
            self.stage = Stage.TLS
            smtp.starttls(context=ssl.create_default_context())
            smtp.ehlo_or_helo_if_needed()
        if server.user:
            self.stage = Stage.SIGN_IN
            smtp.login(server.user, server.password)
        self.stage = Stage.SENDER
        _expect(smtp.mail(sender))
        self.stage = Stage.RECIPIENT
        _expect(smtp.rcpt(recipient))
        self.stage = Stage.CONTENT
        _expect(smtp.data(message))
        self.stage = Stage.TAKEN

    def end(self) -> None:
        """Leaves, and waits for nothing: whatever a server does after it has taken the message,
        nobody's patience ends here, or the message would count as not taken."""
        if self._smtp is None:
            return
        if self.stage is Stage.TAKEN and self._smtp.sock is not None:
            with suppress(smtplib.SMTPException, OSError, ValueError):
                self._smtp.sock.settimeout(0)
                self._smtp.putcmd("QUIT")
        self._smtp.close()


def _expect(answer: tuple[int, bytes]) -> None:
    """Raises _Refused unless the answer is a 2xx."""
    if answer[0] // 100 != 2:
        raise _Refused(answer[0])
