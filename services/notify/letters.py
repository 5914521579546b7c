"""Messages in words: one template per news and language, and headers that nobody can write to.

Headers hold constants, the one address, checked here again, and an id that only notify can make:
mail servers log headers, and a log must not join a person to a report. The report's number stands
in the body only; a reporter's name in neither.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import datetime, tzinfo
from email.charset import QP, Charset
from email.mime.text import MIMEText
from email.policy import compat32
from email.utils import format_datetime
from functools import cache
from importlib.resources import files
from string import Template
from uuid import UUID

from services.notify import contacts, domain

SUBJECT = {"id": "Kabar tentang laporan Anda", "en": "News about your report"}
SUBJECT_TO_POSTS = {
    domain.About.POST_REMINDED: {
        "id": "Pengingat: batas waktu laporan akan berakhir",
        "en": "Reminder: a report's time limit ends soon",
    },
    domain.About.POST_RAISED: {
        "id": "Eskalasi: batas waktu laporan telah terlewati",
        "en": "Escalation: a report's time limit has passed",
    },
}
SENDER = "LAPOR!"
# The older policy: the newer one parses each header and folds it again, for five times the time.
AS_MAIL = compat32.clone(linesep="\r\n")
UTF_8 = Charset("utf-8")
UTF_8.body_encoding = QP


class Unaddressable(Exception):
    """This address may not stand in a header."""


def body(
    news: domain.About,
    kept: Mapping[str, str],
    number: str,
    language: str,
    *,
    url: str,
    zone: tzinfo,
) -> str:
    """The text of a message; `kept` is what `domain.facts` found."""
    facts = {**domain.FORMERLY.get(news, {}), **kept}
    told = template(news, language).substitute(domain.words(facts, language, zone)).strip()
    frame = "frame_to_posts" if news in SUBJECT_TO_POSTS else "frame"
    return template(frame, language).substitute(news=told, number=number, url=url)


def subject(news: domain.About, language: str) -> str:
    """One of a few constants."""
    return SUBJECT_TO_POSTS.get(news, SUBJECT)[language]


def letter(
    *,
    message_id: str,
    written_at: datetime,
    sender: str,
    recipient: str,
    language: str,
    text: str,
    subject: str,
) -> bytes:
    """A whole message, the same bytes for every try. Raises Unaddressable."""
    if not contacts.is_mailable(recipient):
        raise Unaddressable
    headers = {
        "From": f'"{SENDER}" <{sender}>',
        "To": recipient,
        "Subject": subject,
        "Date": format_datetime(written_at),
        "Message-ID": f"<{message_id}@{domain_of(sender)}>",
        "Auto-Submitted": "auto-generated",
        "Content-Language": language,
    }
    message = MIMEText(text, "plain", UTF_8, policy=AS_MAIL)
    for name, value in headers.items():
        message[name] = value
    return message.as_bytes()


def public_id(message: UUID, key: bytes) -> str:
    """The id that a mail carries: the same at every try, and no way back from it to the message,
    whose own id other services hear of."""
    return hmac.digest(key, message.bytes, "sha256").hex()[:32]


def key_of(kept: str | None, keys: Mapping[str, bytes], *, was_tried: bool) -> str:
    """Which of the `keys` makes a message's public id: the one that made it at the try before,
    while it is there; at the first try the newest. Of an older version's try none was kept: it took
    the oldest."""
    if kept in keys:
        return kept
    return next(iter(keys) if was_tried and kept is None else reversed(list(keys)))


def domain_of(sender: str) -> str:
    """The part of our own address that also serves as our name towards mail servers."""
    return sender.rpartition("@")[2]


@cache
def template(name: str, language: str) -> Template:
    """One of the files in `templates/`."""
    file = files(__package__) / "templates" / f"{name}.{language}.txt"
    return Template(file.read_text(encoding="utf-8"))
