"""The way to a mailbox: SMTP, in a vocabulary of four errors, without the server's words.

A server's reply may repeat the address, so neither an error nor a log line keeps more of it than
its class. Errors are raised outside `except`: no traceback leads to what smtplib raised.
"""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from services.notify.domain import Stage, Undelivered, refusal

TIMEOUT = 10.0  # seconds for each step of the conversation
# Seconds for the answer to the whole text, in which a server may examine it: who leaves earlier has
# it sent twice (RFC 5321, 4.5.3.2.6 asks for ten minutes). A sender is held as long: there is one
# server for all mail, and one that is silent to all of them takes nothing else meanwhile either.
# The age of the oldest unsent message shows it, and no message is left unanswered more than
# 1 + len(pace.AFTER_SILENCE) times.
ANSWER = 600.0
# Seconds of silence, seconds between questions, how many without an answer.
KEEPALIVE = {socket.TCP_KEEPIDLE: 30, socket.TCP_KEEPINTVL: 10, socket.TCP_KEEPCNT: 3}
MOST = 20  # messages over one connection; some servers allow no more


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
    answer: float = ANSWER

    def send(self, sender: str, recipient: str, message: bytes) -> None:
        """Hands a message over; returns when the server has taken it.

        Raises Rejected (never again), Unavailable (again later), Hindered (so would be whatever
        else is sent now) or Unanswered (perhaps taken).
        """
        with self.kept() as line:
            line.send(sender, recipient, message)

    @contextmanager
    def kept(self) -> Iterator[Line]:
        """The way to hand over several messages, one after the other."""
        line = Line(self)
        try:
            yield line
        finally:
            line.leave()


class Line:
    """Keeps a connection for the next message, but only after a success, and for `MOST` of them."""

    def __init__(self, server: Smtp) -> None:
        self._server = server
        self._talk = _Conversation(server)

    def send(self, sender: str, recipient: str, message: bytes) -> None:
        """As `Smtp.send`."""
        self.hand_over(sender, recipient, message)
        self.hear()

    def hand_over(self, sender: str, recipient: str, message: bytes) -> None:
        """Sends a message whole; `hear` tells whether it was taken. Raises Rejected or
        Unavailable."""

        def say() -> None:
            self._begin(sender)
            self._talk.hand_over(recipient, message)

        self._safely(say)

    def hear(self) -> None:
        """Waits for the answer to the message that was handed over; up to `answer` seconds for each
        part of it. Raises as `Smtp.send`."""
        self._safely(self._talk.hear)

    def _safely(self, do: Callable[[], None]) -> None:
        """Keeps the connection only after a success, whatever is raised."""
        error: Undelivered | None = None
        succeeded = False
        try:
            do()
            succeeded = True
        except _Refused as refused:
            error = refusal(self._talk.stage, refused.code)
        except (smtplib.SMTPException, OSError, ValueError) as failure:
            code = getattr(failure, "smtp_code", None)
            code = code if isinstance(code, int) else None
            error = refusal(self._talk.stage, code, sent=self._talk.sent)
        finally:
            if not succeeded or self._talk.taken == MOST:
                self.leave()
        if error is not None:
            raise error

    def leave(self) -> None:
        """Ends the conversation; the next message begins another."""
        self._talk.end()
        self._talk = _Conversation(self._server)

    def _begin(self, sender: str) -> None:
        """Begins a message. A server that had hung up meanwhile, or wants no more over this
        connection, has not heard of it yet: it is begun on a new one."""
        if self._talk.taken:
            with suppress(_Refused, smtplib.SMTPException, OSError, ValueError):
                self._talk.begin(sender)
                return
            self.leave()
        self._talk.open()
        self._talk.begin(sender)


class _Refused(Exception):
    def __init__(self, code: int) -> None:
        super().__init__()
        self.code = code


class _Conversation:
    """One connection; `stage` says how far the last message got, `sent` whether its text went
    whole, `taken` how many were taken."""

    def __init__(self, server: Smtp) -> None:
        self._server = server
        self._smtp: smtplib.SMTP | None = None
        self.stage, self.sent, self.taken = Stage.CONNECT, False, 0

    def open(self) -> None:
        server = self._server
        smtp = self._smtp = smtplib.SMTP(
            server.host, server.port, local_hostname=server.hello, timeout=server.timeout
        )
        if smtp.sock is not None:
            _keep_asking(smtp.sock)
        self.stage = Stage.HELLO
        smtp.ehlo_or_helo_if_needed()
        if server.starttls:
            self.stage = Stage.TLS
            smtp.starttls(context=ssl.create_default_context())
            smtp.ehlo_or_helo_if_needed()
        if server.user:
            self.stage = Stage.SIGN_IN
            smtp.login(server.user, server.password)

    def begin(self, sender: str) -> None:
        self.stage, self.sent = Stage.SENDER, False
        _expect(self._open.mail(sender))

    def hand_over(self, recipient: str, message: bytes) -> None:
        self.stage = Stage.RECIPIENT
        _expect(self._open.rcpt(recipient))
        self.stage = Stage.CONTENT
        _expect(self._open.docmd("data"), 3)
        self._open.send(_ended(message))
        self.sent = True

    def hear(self) -> None:
        self._wait_up_to(self._server.answer)
        _expect(self._open.getreply())
        self._wait_up_to(self._server.timeout)
        self.stage = Stage.TAKEN
        self.taken += 1

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

    def _wait_up_to(self, seconds: float) -> None:
        if self._open.sock is not None:
            self._open.sock.settimeout(seconds)

    @property
    def _open(self) -> smtplib.SMTP:
        if self._smtp is None:
            raise smtplib.SMTPServerDisconnected("not connected")
        return self._smtp


def _keep_asking(connection: socket.socket) -> None:
    """Has the kernel ask a server that says nothing whether it is still there: one that vanished
    with a text is noticed within a minute, not after `ANSWER`."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in KEEPALIVE.items():
        connection.setsockopt(socket.IPPROTO_TCP, option, value)


def _ended(message: bytes) -> bytes:
    """As it goes over the line: leading dots doubled, a dot alone at the end (RFC 5321, 4.5.2)."""
    quoted = re.sub(rb"(?m)^\.", b"..", message)
    return quoted + (b".\r\n" if quoted.endswith(b"\r\n") else b"\r\n.\r\n")


def _expect(answer: tuple[int, bytes], hundreds: int = 2) -> None:
    """Raises _Refused unless the answer is a 2xx, or of other `hundreds`."""
    if answer[0] // 100 != hundreds:
        raise _Refused(answer[0])
