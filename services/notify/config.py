"""Notify's configuration. Its two secrets stay where they are used: only the worker reads them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

from chassis import config
from chassis.config import Misconfigured, Secret, SecretText
from services.notify import contacts, keyring
from services.notify.channel import Smtp
from services.notify.keyring import Keyring
from services.notify.letters import domain_of
from services.notify.quiet import Quiet
from services.notify.sealing import Opener

LOOPBACK = ("127.0.0.1", "::1", "localhost")
NOBODYS = ("example", "invalid", "localhost", "test")  # RFC 2606: no mail comes from there
TLS_AT_ONCE = 465


@dataclass(frozen=True, kw_only=True, repr=False)
class Settings(config.Settings):
    """Beside the common ones: the keys, the mail server, our own address, the public pages."""

    notify_private_key: Secret = field(default=Secret(b""), repr=False)
    kek: Secret = field(default=Secret(b""), repr=False)
    smtp_host: str
    smtp_port: int = 25
    smtp_from: str
    smtp_return_path: str = ""  # whose mail is given to `bounced`; empty: nothing is sent back
    smtp_starttls: bool = False
    smtp_user: str = ""
    smtp_password: SecretText = field(default=SecretText(""), repr=False)
    public_url: str
    quiet_hours: str = "21-06"  # local; nothing between them that can wait. Empty: none are quiet
    mailbox_limit: int = 20  # mails within an hour that no officer's act caused. 0: any number

    def check(self) -> None:
        """Refuses an address that is none, and reporters' addresses in clear on a real network; in
        production also what a demonstration may send: a page and a sender that are nobody's."""
        super().check()
        if not re.fullmatch(r"(?:(?:[01]\d|2[0-3])-(?:[01]\d|2[0-3]))?", self.quiet_hours):
            raise Misconfigured("QUIET_HOURS must be two hours such as 21-06, or empty")
        if self.mailbox_limit < 0:
            raise Misconfigured("MAILBOX_LIMIT must be a number of mails, or 0 for no limit")
        if not contacts.is_mailable(self.smtp_from):
            raise Misconfigured("SMTP_FROM must be one plain address such as lapor@example.org")
        if self.smtp_return_path and not contacts.is_mailable(self.smtp_return_path):
            raise Misconfigured("SMTP_RETURN_PATH must be one plain address, or empty")
        if self.smtp_port == TLS_AT_ONCE:
            raise Misconfigured("SMTP_PORT must be 587 or 25: notify speaks STARTTLS, and not TLS")
        if self.lapor_env == "production":
            self._check_what_is_sent()
        in_clear = not self.smtp_starttls and self.smtp_host not in LOOPBACK
        if self.lapor_env == "production" and in_clear:
            raise Misconfigured("SMTP_STARTTLS must be on in production")

    def _check_what_is_sent(self) -> None:
        if _is_here(urlsplit(self.page()).hostname or ""):
            raise Misconfigured("PUBLIC_URL must be where reporters read more, not this machine")
        if domain_of(self.smtp_from).rpartition(".")[2].lower() in NOBODYS:
            raise Misconfigured("SMTP_FROM must be an address of yours, not under .example")

    def quiet(self) -> Quiet | None:
        """When nobody is woken."""
        return Quiet(*map(int, self.quiet_hours.split("-"))) if self.quiet_hours else None

    def page(self) -> str:
        """Where reporters read more; nothing of a report stands in it."""
        if not _is_plain(self.public_url):
            raise Misconfigured("PUBLIC_URL must be the plain address of the public pages")
        return self.public_url

    def opener(self) -> Opener:
        """What opens sealed contacts."""
        try:
            return Opener(self.notify_private_key)
        except ValueError:
            raise Misconfigured("NOTIFY_PRIVATE_KEY_FILE holds no private JWK") from None

    def keyring(self) -> Keyring:
        """What seals and opens stored contacts."""
        try:
            return keyring.read(self.kek)
        except ValueError:
            raise Misconfigured("KEK_FILE holds no keyring") from None

    def smtp(self) -> Smtp:
        """The mail server; we greet it by our own address's domain."""
        return Smtp(
            self.smtp_host,
            self.smtp_port,
            hello=domain_of(self.smtp_from),
            starttls=self.smtp_starttls,
            user=self.smtp_user,
            password=self.smtp_password,
        )


def _is_plain(page: str) -> bool:
    try:
        url = urlsplit(page)
    except ValueError:  # a host in brackets that is no address
        return False
    more = url.query or url.fragment or url.username is not None
    return url.scheme in ("http", "https") and bool(url.hostname) and not more


def _is_here(host: str) -> bool:
    """Whether a host's name or address is whoever reads it."""
    if host.rstrip(".").rpartition(".")[2] == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified
