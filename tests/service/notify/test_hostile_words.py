"""Whatever stands in a contact or in an event, a mail goes to its one recipient with its own
headers and in its own words, and what a mail server says is kept nowhere."""

from itertools import product

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import contracts
from services.notify import contacts, domain, letters
from services.notify.outgoing import Outgoing
from tests.service.notify.canaries import found_in
from tests.service.notify.desk import CONTACT, NUMBER, Desk
from tests.service.notify.test_identity import dump

EVIL = "x@evil.example"
TRICKS = [
    f"Siti\r\nBcc: {EVIL}", f"Siti\nTo: {EVIL}\n\n", f"=?utf-8?q?Siti=0D=0ABcc=3A_{EVIL}?=",
    f"=?utf-8?b?U2l0aQpCY2M6IHhAZXZpbC5leGFtcGxl?= {EVIL}", f"Siti\u2028Bcc: {EVIL}",
    f"Siti\u2029\u0085\x0b\x0cBcc: {EVIL}", "evil " * 400,
    f"${{number}} $url $$ {{{{7*7}}}} {EVIL}",
    f"%(number)s %s {{0.__class__}} {EVIL}", f"<script>evil()</script><a href=//{EVIL}>",
    f"\r\n.\r\nMAIL FROM:<{EVIL}>\r\nRCPT TO:<{EVIL}>\r\n", f"evil\0{EVIL}", f"\u202eevil {EVIL}",
    f"--===============\r\nContent-Type: text/html\r\n\r\n{EVIL}", f'"evil" <{EVIL}>, <{EVIL}>',
]  # fmt: skip
HEADERS = {
    "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "Content-Language",
    "Content-Type", "Content-Transfer-Encoding", "MIME-Version",
}  # fmt: skip
HOSTILE = st.one_of(
    st.sampled_from(TRICKS),
    st.text(max_size=200),
    st.text(st.sampled_from("\r\n\t\0\x0b\x0c\x1c\x85\u2028\u2029:<>@=?_$%{}é"), max_size=60),
).filter(lambda text: text.isascii() or not any("\ud800" <= c <= "\udfff" for c in text))
SAFE = {"deadline.approaching.v1": {"clock": "D"}, "deadline.passed.v1": {"clock": "S"},
        "deadline.recomputed.v1": {"clock": "S", "reason": "calendar",
                                   "after": "2026-12-07T15:59:59Z"}}  # fmt: skip
FIELDS = ("name", "phone", "address", "language")
# Every example finds the same desk, cleared; clearing takes its time.
ONE_DESK = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
NEWS = [rule.type for rule in domain.RULES if "report.contact_" not in rule.type]


def judge(desk: Desk, email: str) -> None:
    """Every mail so far is ours, to one address, and says nothing of anybody else."""
    for mail, to in zip(desk.postbox.mails, desk.postbox.recipients, strict=True):
        assert to == [email]
        assert set(mail.keys()) == HEADERS
        assert len(mail.keys()) == len(HEADERS)
        assert [address.addr_spec for address in mail["To"].addresses] == [email]
        assert mail["Subject"] in letters.SUBJECT.values()
        assert mail.get_content_type() == "text/plain"
        assert "evil" not in mail.as_string()
    assert desk.postbox.senders <= {"<>"}  # nobody: what a machine says is not bounced


def anew(desk: Desk) -> None:
    """As if nothing had been heard."""
    desk.database.psql("TRUNCATE inbox, position, reporter, message, attempt, outbox, stream")
    desk.stream._sequences.clear()
    desk.postbox.mails.clear()
    desk.postbox.recipients.clear()


@settings(max_examples=40, suppress_health_check=ONE_DESK)
@given(st.fixed_dictionaries(dict.fromkeys(FIELDS, HOSTILE)))
@example(dict.fromkeys(FIELDS, TRICKS[0]))
def test_words_of_a_contact_reach_no_mail(desk: Desk, contact: dict[str, str]) -> None:
    anew(desk)

    heard = desk.hear_contact(**contact)
    desk.send()

    assert heard in ("done", "parked")
    assert len(desk.postbox.mails) == (heard == "done")
    judge(desk, CONTACT["email"])


@settings(max_examples=40, suppress_health_check=ONE_DESK)
@given(st.one_of(HOSTILE, st.emails(), st.builds("{}@surel-uji.example".format, HOSTILE)))
@example(f"{CONTACT['email']}\r\nRCPT TO:<{EVIL}>")
@example(f"=?utf-8?q?=0ABcc=3A{EVIL}?=@surel-uji.example")
def test_an_address_is_one_address_or_nobodys(desk: Desk, email: str) -> None:
    anew(desk)

    heard = desk.hear_contact(email=email)
    desk.send()

    assert len(desk.postbox.mails) == (heard == "done" and contacts.is_mailable(email))
    judge(desk, email)


@pytest.mark.parametrize("type", NEWS)
def test_words_of_an_event_reach_no_mail(desk: Desk, type: str) -> None:
    example = next(iter(contracts.examples(type).values()))["data"] | SAFE.get(type, {})
    words = [field for field, value in example.items() if isinstance(value, str | None)]
    assert "at" in words
    outcomes = set()
    for n, (field, trick) in enumerate(product(words, TRICKS[NEWS.index(type) % 7 :: 7])):
        number = f"KTB-{n:05}-00000"  # each its own, for what is parked holds up what follows
        desk.hear_contact(number)
        desk.hear("case.opened.v1", number)
        outcomes.add(desk.hear(type, number, **(SAFE.get(type, {}) | {field: trick})))

    desk.send()

    assert outcomes <= {"done", "parked"}
    assert len(desk.postbox.mails) >= n
    judge(desk, CONTACT["email"])


@pytest.mark.parametrize("step", ["mail 550", "mail 451", "rcpt 550", "rcpt 451", "data 554",
                                  "data 452"])  # fmt: skip
def test_what_a_mail_server_quotes_is_kept_nowhere(desk: Desk, step: str) -> None:
    words = f"5.1.1 <{CONTACT['email']}> {CONTACT['name']} {'kata peladen ' * 20}"
    desk.hear_contact()
    desk.postbox.script.append(f"{step} {words}")

    desk.send()

    (tried,) = desk.tries()
    assert tried[2] == f"{step[5]}xx"
    dumped = dump(desk.database)
    assert NUMBER.encode() in dumped
    assert found_in(dumped) == set()
    assert b"peladen" not in dumped


class Chatty(Outgoing):
    """Writes a header from what it was told."""

    def _letter(self, message, reach):
        return b"X-Told: " + message.number.encode() + b"\r\n" + super()._letter(message, reach)


def test_a_header_made_of_what_was_told_is_caught(desk: Desk) -> None:
    """The negative control of `judge`."""
    desk.outgoing = Chatty(desk.db, desk.clock, desk.settings, desk.keyring, desk.smtp)
    desk.hear_contact()
    desk.send()

    with pytest.raises(AssertionError):
        judge(desk, CONTACT["email"])
