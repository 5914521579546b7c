"""Nobody writes a header: not with line breaks, encoded words, other line separators or lengths."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.notify import contacts, letters, wording
from services.notify.domain import About
from services.notify.letters import Unaddressable

NUMBER = "KTB-12345-67890"
HEADERS = [
    "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "Content-Language",
    "Content-Type", "Content-Transfer-Encoding", "MIME-Version",
]  # fmt: skip
TRICKS = [
    "a@b.example\r\nBcc: x@evil.example",
    "a@b.example\nBcc: x@evil.example",
    "a@b.example\n",
    "=?utf-8?q?a=0ABcc=3Ax?=@evil.example",
    "=?utf-8?b?YQpCY2M6eA==?=@evil.example",
    "a@b.example, x@evil.example",
    "a@b.example;x@evil.example",
    "a@b.example x@evil.example",
    "Siti <a@b.example>",
    "<a@b.example>",
    '"a b"@b.example',
    "a(comment)@b.example",
    "@relay.example:a@b.example",
    "a%b.example@relay.example",
    "b.example!a@relay.example",
    "|/bin/sh@b.example",
    "-oQ/tmp@b.example",
    "a@[127.0.0.1]",
    "a@127.0.0.1",
    "a@localhost",
    "a@b.example\u2028Bcc: x@evil.example",
    "a@b\u0085.example",
    "a\u0000@b.example",
    "a@b.example\x1c",
    "а@b.example",  # noqa: RUF001 - the letter is Cyrillic
    "a@ｂ.example",  # noqa: RUF001 - the letter is full width
    "a..b@b.example",
    ".a@b.example",
    "a.@b.example",
    "a@-b.example",
    "a@b-.example",
    "a@b..example",
    "a@.example",
    "@b.example",
    "a@",
    "a",
    "",
    "a" * 65 + "@b.example",
    "a@" + "b" * 64 + ".example",
    "a@" + "b." * 130 + "example",
]


def write(recipient: str, text: str = "Ada kabar.\n", language: str = "id") -> bytes:
    return letters.letter(
        message_id="0b7e6f3a-0000-5000-8000-000000000000",
        written_at=datetime(2026, 12, 7, tzinfo=UTC),
        sender="lapor@kotabaru.example",
        recipient=recipient,
        language=language,
        text=text,
        subject=letters.subject(About.RECEIVED, language),
    )


@pytest.mark.parametrize(
    "email",
    [
        "siti@example.org",
        "siti.nur-hayati+lapor@mail.example.co.id",
        "o'brien_1@example.org",
        "a@xn--bcher-kva.example",
        "a" * 64 + "@example.org",
    ],
)
def test_a_plain_address_is_written_to(email: str) -> None:
    parsed = message_from_bytes(write(email), policy=default)

    assert [address.addr_spec for address in parsed["To"].addresses] == [email]


@pytest.mark.parametrize("email", TRICKS)
def test_a_trick_is_not(email: str) -> None:
    assert not contacts.is_mailable(email)
    with pytest.raises(Unaddressable):
        write(email)


ODD = st.text(
    st.sampled_from("ab@.,:;<>()=?_ \"'\\%!|-\r\n\t\0\x1c\x85\u2028\u2029é५"), max_size=40
)


@given(st.one_of(ODD, st.emails(), st.text(), st.builds("{}@b.example".format, ODD)))
@example("=?utf-8?q?=0ABcc=3A_x=40evil.example?=@b.example")
def test_whatever_is_accepted_makes_one_recipient_and_no_header_more(email: str) -> None:
    if not contacts.is_mailable(email):
        return

    written = write(email)

    parsed = message_from_bytes(written, policy=default)
    head = written.partition(b"\r\n\r\n")[0].decode("ascii")
    assert [address.addr_spec for address in parsed["To"].addresses] == [email]
    assert sorted(parsed.keys()) == sorted(HEADERS)
    assert [line.partition(":")[0] for line in head.split("\r\n") if line[0] != " "] == list(
        parsed.keys()
    )


@pytest.mark.parametrize("language", wording.LANGUAGES)
def test_what_a_mail_server_logs_does_not_tell_which_report_it_is(language: str) -> None:
    news, page = About.RECEIVED, "https://lapor.example"
    kept = {"at": "2026-12-07T00:00:00+00:00"}
    text = letters.body(news, kept, NUMBER, language, url=page, zone=UTC)

    parsed = message_from_bytes(write("a@b.example", text, language), policy=default)

    assert NUMBER in parsed.get_content()
    assert not [name for name, value in parsed.items() if "67890" in value]
    assert parsed["Subject"] == letters.SUBJECT[language]


def test_an_id_that_is_shown_follows_from_the_message_for_who_has_the_key_only() -> None:
    message, other = UUID(int=1), UUID(int=2)
    shown = letters.public_id(message, b"k" * 32)

    assert shown == letters.public_id(message, b"k" * 32)
    assert shown != letters.public_id(other, b"k" * 32)
    assert shown != letters.public_id(message, b"n" * 32)
    assert message.hex not in shown


@given(st.text())
@example("\r\n.\r\nMAIL FROM:<x@evil.example>\r\n")
def test_the_text_stays_in_the_body(text: str) -> None:
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        return

    parsed = message_from_bytes(write("a@b.example", text=text), policy=default)

    assert sorted(parsed.keys()) == sorted(HEADERS)
    assert parsed.get_content_type() == "text/plain"
    assert not parsed.is_multipart()


def test_a_letter_is_the_same_at_every_try() -> None:
    assert write("a@b.example") == write("a@b.example")
    parsed = message_from_bytes(write("a@b.example"), policy=default)
    assert parsed["Message-ID"] == "<0b7e6f3a-0000-5000-8000-000000000000@kotabaru.example>"
    assert parsed["Subject"] == "Kabar tentang laporan Anda"
