"""The development mailbox keeps every mail and misbehaves when it is told to."""

import smtplib
from collections.abc import Iterator
from email.message import EmailMessage
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest
from aiosmtpd.controller import Controller

from deploy.local.mailbox import Mailbox, Page, Smtp
from deploy.local.process import free_port


class Running:
    """A mailbox in this process."""

    def __init__(self, folder: Path) -> None:
        mailbox = Mailbox(folder)
        self.port = free_port()
        self._smtp = Controller(Smtp(mailbox), hostname="127.0.0.1", port=self.port)
        self._page = ThreadingHTTPServer(("127.0.0.1", 0), Page)
        self._page.mailbox = mailbox  # type: ignore[attr-defined]
        self.client = httpx.Client(
            base_url=f"http://127.0.0.1:{self._page.server_port}", trust_env=False
        )
        self._smtp.start()
        self._thread = Thread(target=self._page.serve_forever, args=(0.02,))
        self._thread.start()

    def stop(self) -> None:
        self.client.close()
        self._page.shutdown()
        self._page.server_close()
        self._thread.join()
        self._smtp.stop()

    def send(self, subject: str = "Kabar", to: str = "siti@contoh.example") -> None:
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = "lapor@kotabaru.example", to, subject
        mail.set_content("Ada kabar tentang laporan Anda.")
        with smtplib.SMTP("127.0.0.1", self.port, timeout=2) as smtp:
            smtp.send_message(mail)


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[Running]:
    one = Running(tmp_path / "mails")
    yield one
    one.stop()


def test_mails_are_kept_in_order(mailbox: Running) -> None:
    mailbox.send("satu")
    mailbox.send("dua: tiga \N{WARNING SIGN}")

    mails = mailbox.client.get("/mails").json()

    assert [mail["subject"] for mail in mails] == ["satu", "dua: tiga \N{WARNING SIGN}"]
    assert mails[0]["to"] == ["siti@contoh.example"]
    assert mails[0]["text"].strip() == "Ada kabar tentang laporan Anda."


def test_the_page_shows_mails_and_runs_none_of_them(mailbox: Running) -> None:
    mailbox.send("<script>alert(1)</script>")

    page = mailbox.client.get("/").text

    assert "&lt;script&gt;" in page
    assert "<script>" not in page


@pytest.mark.parametrize(("mood", "code"), [("reject", 550), ("defer", 451)])
def test_a_mood_lasts_as_long_as_it_is_told(mailbox: Running, mood: str, code: int) -> None:
    mailbox.client.put("/mood", content=f"{mood} 2")

    for _ in range(2):
        with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
            mailbox.send()
        answer = refused.value.recipients["siti@contoh.example"]
        assert answer[0] == code
        assert b"<siti@contoh.example>" in answer[1]  # real ones quote whom they refuse
    mailbox.send()

    assert len(mailbox.client.get("/mails").json()) == 1


def test_a_hanging_mailbox_answers_nobody(mailbox: Running) -> None:
    mailbox.client.put("/mood", content="hang")

    with pytest.raises((TimeoutError, smtplib.SMTPServerDisconnected)):
        mailbox.send()


def test_a_mood_that_does_not_exist_is_refused(mailbox: Running) -> None:
    assert mailbox.client.put("/mood", content="dance").status_code == 422


def test_mails_can_be_forgotten(mailbox: Running) -> None:
    mailbox.send()

    mailbox.client.delete("/mails")

    assert mailbox.client.get("/mails").json() == []
