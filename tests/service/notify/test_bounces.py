"""A mail that a relay took and could not bring counts as failed, once; nothing of it is kept."""

import subprocess
import sys
from dataclasses import replace
from email.message import EmailMessage, Message
from email.mime.base import MIMEBase
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import pytest
from prometheus_client import REGISTRY

from deploy.local.environment import ROOT
from services.notify import bounces
from services.notify.outgoing import Outgoing
from tests.service.notify.desk import CONTACT, Desk


def status(action: str) -> Message:
    """What became of one recipient (RFC 3464)."""
    of_all, of_one = Message(), Message()
    of_all["Reporting-MTA"] = "dns; relay.example"
    of_one["Final-Recipient"] = f"rfc822; {CONTACT['email']}"
    of_one["Action"], of_one["Status"] = action, "5.1.1"
    part = MIMEBase("message", "delivery-status")
    part.set_payload([of_all, of_one])
    return part


def report(mail: EmailMessage, action: str = "failed", *, whole: bool = True) -> bytes:
    """As a relay returns a mail: the whole of it, or its header alone."""
    made = MIMEMultipart("report", report_type="delivery-status")
    made["From"], made["Subject"] = "MAILER-DAEMON@relay.example", "Undelivered Mail"
    made.attach(MIMEText(f"<{CONTACT['email']}>: user unknown"))
    made.attach(status(action))
    head = "".join(f"{name}: {value}\n" for name, value in mail.items())
    made.attach(MIMEMessage(mail) if whole else MIMEText(head, "rfc822-headers"))
    return made.as_bytes()


@pytest.fixture
def sent(desk: Desk) -> EmailMessage:
    """The notice of an answer, delivered as far as anybody knows."""
    desk.hear_contact()
    desk.hear("case.opened.v1")
    desk.hear("case.answered.v1", cycle=1)
    desk.send()
    return desk.postbox.mails[-1]


def told(desk: Desk, mail: bytes) -> int:
    key = desk.settings.opener().derive("message-id")
    with desk.db.begin() as tx:
        return bounces.take(tx, key, mail, desk.clock)


@pytest.mark.parametrize("whole", [True, False])
def test_an_answer_that_comes_back_was_not_delivered(
    desk: Desk, sent: EmailMessage, whole: bool
) -> None:
    mail = report(sent, whole=whole)

    assert (told(desk, mail), told(desk, mail)) == (1, 0)

    assert desk.states()[-1] == ("answered", "failed", "rejected")
    assert desk.tries()[-1] == (1, "rejected", "5xx")
    [failed] = desk.said("message.failed.v1")
    assert (failed["about"], failed["cycle"], failed["reason"]) == ("answered", 1, "rejected")
    assert desk.states()[0] == ("received", "delivered", None)
    assert desk.send() == 0


def test_what_is_only_late_or_no_report_or_not_ours_changes_nothing(
    desk: Desk, sent: EmailMessage
) -> None:
    stranger = EmailMessage()
    stranger["Message-ID"] = f"<{'0' * 32}@kotabaru.example>"
    vacation = EmailMessage()
    vacation["In-Reply-To"] = sent["Message-ID"]
    vacation.set_content("I am away.")
    for mail in (
        report(sent, "delayed"), report(sent, "delivered"), report(stranger), bytes(sent),
        bytes(vacation), b"", b"\0\xff no mail at all", report(sent)[:400],
        report(sent).replace(b"message-id", b"x").replace(b"Message-ID: <", b"Message-ID: \xff<[("),
    ):  # fmt: skip
        assert told(desk, mail) == 0

    assert desk.said("message.failed.v1") == []


def test_what_comes_back_after_weeks_is_another_matter(desk: Desk, sent: EmailMessage) -> None:
    desk.later(days=11)

    assert told(desk, report(sent)) == 0


def test_it_comes_back_to_whom_an_operator_has_named(desk: Desk) -> None:
    settings = replace(desk.settings, smtp_return_path="kembali@kotabaru.example")
    desk.outgoing = Outgoing(desk.db, desk.clock, settings, desk.keyring, desk.smtp)
    desk.hear_contact()
    desk.send()

    assert desk.postbox.senders == {"kembali@kotabaru.example"}


def test_an_operator_or_a_mail_server_pipes_it_in(
    desk: Desk, sent: EmailMessage, surroundings
) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "services.notify", "bounced"],
        env=surroundings.environment("notify", DATABASE_URL=desk.database.url),
        input=report(sent), cwd=ROOT, capture_output=True, check=False,
    )  # fmt: skip

    assert (run.stdout, run.returncode) == (b"1 counted as failed\n", 0), run.stderr
    assert CONTACT["email"].encode() not in run.stderr
    assert desk.states()[-1] == ("answered", "failed", "rejected")
    desk.notify.count_settled()  # the worker's measure, of what another process wrote
    lately = {"to": "reporter", "outcome": "rejected", "hours": "1"}
    assert REGISTRY.get_sample_value("lapor_notify_settled", lately) == 1
