"""A mail that a relay took and could not bring counts as failed, once; nothing of it is kept."""

import shutil
from dataclasses import replace
from email.message import EmailMessage, Message
from email.mime.base import MIMEBase
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from pathlib import Path

import pytest
import sqlalchemy as sa
from prometheus_client import REGISTRY

from chassis.config import Secret
from deploy import secrets
from services.notify import bounces, models
from services.notify.outgoing import Outgoing
from tests.harness.programs import run_command
from tests.service.notify.desk import CONTACT, Desk


def status(action: str, to: str) -> Message:
    """What became of one recipient (RFC 3464)."""
    of_all, of_one = Message(), Message()
    of_all["Reporting-MTA"] = "dns; relay.example"
    of_one["Final-Recipient"] = f"rfc822; {to}"
    of_one["Action"], of_one["Status"] = action, "5.1.1"
    part = MIMEBase("message", "delivery-status")
    part.set_payload([of_all, of_one])
    return part


def report(mail: EmailMessage, action: str = "failed", *, whole: bool = True) -> bytes:
    """As a relay returns a mail: the whole of it, or its header alone."""
    made = MIMEMultipart("report", report_type="delivery-status")
    made["From"], made["Subject"] = "MAILER-DAEMON@relay.example", "Undelivered Mail"
    made.attach(MIMEText(f"<{mail['To']}>: user unknown"))
    made.attach(status(action, mail["To"]))
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
    keys = desk.settings.opener().derive("message-id").values()
    with desk.db.begin() as tx:
        return bounces.take(tx, keys, mail, desk.clock)


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
    told = surroundings.environment("notify", DATABASE_URL=desk.database.url)

    run = run_command("notify", "bounced", env=told, told=report(sent))

    assert (run.stdout, run.returncode) == ("1 counted as failed\n", 0), run.stderr
    assert CONTACT["email"] not in run.stderr
    assert desk.states()[-1] == ("answered", "failed", "rejected")
    desk.notify.count_settled()  # the worker's measure, of what another process wrote
    lately = {"to": "reporter", "outcome": "rejected", "hours": "1"}
    assert REGISTRY.get_sample_value("lapor_notify_settled", lately) == 1


@pytest.fixture
def vault(secrets_folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(secrets_folder, tmp_path / "vault")


def start_anew(desk: Desk, vault: Path) -> None:
    """As a worker with the keys that the vault has now."""
    key = Secret((vault / "notify-private-key.json").read_bytes())
    desk.settings = replace(desk.settings, notify_private_key=key)
    desk.outgoing = desk.with_keyring(desk.keyring)


def of_an_older_version(desk: Desk) -> None:
    """Which key it had used, it did not note."""
    desk.database.psql("UPDATE message SET kid = NULL RETURNING 1")


@pytest.mark.parametrize("before", [lambda _: None, of_an_older_version])
def test_what_was_sent_before_a_new_key_comes_back_as_long_as_the_old_one_is_there(
    desk: Desk, sent: EmailMessage, vault: Path, before
) -> None:
    before(desk)
    secrets.add_key(vault)
    start_anew(desk, vault)

    assert told(desk, report(sent)) == 1


def test_what_was_sent_after_a_new_key_comes_back_when_the_old_one_is_gone(
    desk: Desk, vault: Path
) -> None:
    secrets.add_key(vault)
    start_anew(desk, vault)
    desk.hear_contact()
    desk.send()

    secrets.drop_keys(vault)
    start_anew(desk, vault)

    assert told(desk, report(desk.postbox.mails[-1])) == 1


@pytest.mark.parametrize("before", [lambda _: None, of_an_older_version])
def test_a_mail_keeps_its_id_when_a_new_key_comes_between_two_tries(
    desk: Desk, vault: Path, before
) -> None:
    desk.hear_contact()
    desk.postbox.script.append("drop")
    desk.send()
    before(desk)
    secrets.add_key(vault)
    start_anew(desk, vault)
    desk.later(minutes=5)
    desk.send()

    first, second = desk.postbox.ids
    assert first == second


def test_what_was_tried_with_a_key_that_is_gone_is_sent_and_comes_back_all_the_same(
    desk: Desk, vault: Path
) -> None:
    desk.hear_contact()
    desk.postbox.script.append("rcpt 451 later")
    desk.send()
    secrets.add_key(vault)
    secrets.drop_keys(vault)
    start_anew(desk, vault)
    desk.later(minutes=5)
    desk.send()

    assert told(desk, report(desk.postbox.mails[-1])) == 1


def test_a_mail_server_is_told_to_try_again_while_the_database_is_away(
    desk: Desk, sent: EmailMessage, surroundings
) -> None:
    nowhere = "postgresql+psycopg2://notify:x@127.0.0.1:1/notify"
    told = surroundings.environment("notify", DATABASE_URL=nowhere)

    run = run_command("notify", "bounced", env=told, told=report(sent))

    assert (run.returncode, run.stdout) == (75, ""), run.stderr
    assert run.stderr.count("\n") == 1


def test_only_what_came_back_is_read_whole_however_much_was_delivered(
    desk: Desk, sent: EmailMessage
) -> None:
    desk.database.psql("""
        SET session_replication_role = replica;
        INSERT INTO message (id, number, about, cause, facts, correlationid, state, not_before,
                             written_at, settled_at)
        SELECT gen_random_uuid(), 'KTB-' || n, 'closed', gen_random_uuid(), '{}', 'x',
            'delivered', now(), now(), now()
        FROM generate_series(1, 3000) n
    """)
    read = list[object]()
    sa.event.listen(models.Message, "load", note := lambda row, _: read.append(row))
    try:
        assert told(desk, report(sent)) == 1
    finally:
        sa.event.remove(models.Message, "load", note)

    assert len(read) == 1
