"""Messages in words: one template per news and language, and headers that nobody can write to.

Headers hold constants, the report's number and the one address, both checked here again; a
reporter's name is in no header and in no body.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, tzinfo
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import cache
from importlib.resources import files
from string import Template

from services.notify import contacts, domain

SUBJECT = {
    "id": "Kabar tentang laporan Anda {number}",
    "en": "News about your report {number}",
}
SENDER = "LAPOR!"
_NUMBER = re.compile(r"[A-Z]{2,8}-[0-9]{5}-[0-9]{5}", re.ASCII)


class Unaddressable(Exception):
    """This address or number may not stand in a header."""


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
    told = template(news, language).substitute(domain.words(kept, language, zone)).strip()
    return template("frame", language).substitute(news=told, number=number, url=url)


def letter(
    *,
    message_id: str,
    written_at: datetime,
    sender: str,
    recipient: str,
    number: str,
    language: str,
    text: str,
) -> EmailMessage:
    """A whole message, the same bytes for every try. Raises Unaddressable."""
    if not contacts.is_mailable(recipient) or not _NUMBER.fullmatch(number):
        raise Unaddressable
    message = EmailMessage(policy=SMTP)
    message["From"] = f'"{SENDER}" <{sender}>'
    message["To"] = recipient
    message["Subject"] = SUBJECT[language].format(number=number)
    message["Date"] = format_datetime(written_at)
    message["Message-ID"] = f"<{message_id}@{domain_of(sender)}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text, cte="quoted-printable")
    message["Content-Language"] = language
    return message


def domain_of(sender: str) -> str:
    """The part of our own address that also serves as our name towards mail servers."""
    return sender.rpartition("@")[2]


@cache
def template(name: str, language: str) -> Template:
    """One of the files in `templates/`."""
    file = files(__package__) / "templates" / f"{name}.{language}.txt"
    return Template(file.read_text(encoding="utf-8"))
