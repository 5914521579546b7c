"""Alertmanager's configuration: who is called when an alert fires, and how.

What it is told stands in the environment, beside the mail server that notify uses:

ALERTS_TO      addresses that alerts are mailed to, commas between; or `nobody`
PAGES_TO       those for what must wake somebody, if they are others: a gateway to SMS, say
WATCHDOG_URL   is sent the alert Watchdog every minute: who expects it there calls if it stays away;
               or `nobody`
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from marshmallow import ValidationError
from marshmallow.fields import Boolean

from chassis.config import Misconfigured
from services.notify.contacts import is_mailable

DEMONSTRATION = "operators@lapor.example"
NOBODY = "nobody"


def configuration(told: Mapping[str, str], *, files: str, templates: str) -> str:
    """The whole file, as JSON, which is YAML too.

    `files`: the folder of the password to the mail server, `smtp-password`. `templates`: that of
    `mail.tmpl`. Raises Misconfigured with the name of what cannot be.
    """
    everyone = _addresses(told, "ALERTS_TO")
    if everyone is None:
        everyone = _whom_by_default(told)
    paged = _addresses(told, "PAGES_TO")
    switch = _switch(told)
    calling: dict[str, Any] = {
        "global": _mail_server(told, files),
        "templates": [f"{templates}/*.tmpl"],
        "route": {
            "receiver": "tickets",
            "group_by": ["alertname"],  # one mail for what all services suffer from
            "group_wait": "10s",
            "group_interval": "5m",
            "repeat_interval": "24h",
            "routes": [
                _route("watchdog", "none", group_wait="0s", interval="1m", repeat="30s"),
                _route("pages", "page", group_wait="10s", interval="1m", repeat="2h"),
            ],
        },
        # who cannot mail lets the switch go, so that somebody else calls
        "inhibit_rules": [
            {
                "source_matchers": ['alertname="CallsFailing"', 'integration="email"'],
                "target_matchers": ['alertname="Watchdog"'],
            }
        ],
        "receivers": [
            {"name": "pages", "email_configs": _mails(everyone if paged is None else paged)},
            {"name": "tickets", "email_configs": _mails(everyone)},
            {"name": "watchdog", "webhook_configs": [{"url": url} for url in switch]},
        ],
    }
    return json.dumps(calling)


def _addresses(told: Mapping[str, str], name: str) -> list[str] | None:
    """The addresses of a variable: none for `nobody`, None if it says nothing."""
    words = [word.strip() for word in told.get(name, "").split(",") if word.strip()]
    if not words:
        return None
    if words == [NOBODY]:
        return []
    if not all(map(is_mailable, words)):
        raise Misconfigured(
            f"{name} must be plain addresses such as operator@example.org, or {NOBODY}"
        )
    return words


def _whom_by_default(told: Mapping[str, str]) -> list[str]:
    """Whom to call where nothing is said. That nobody is, is not for a default to decide."""
    if told.get("LAPOR_ENV") == "production":
        raise Misconfigured(f"ALERTS_TO must say who is called in production, or {NOBODY}")
    return [DEMONSTRATION]


def _switch(told: Mapping[str, str]) -> list[str]:
    """The address of the dead man's switch: none where nobody expects anything."""
    url = told.get("WATCHDOG_URL", "")
    if url == NOBODY:
        return []
    if not url:
        if told.get("LAPOR_ENV") == "production":
            raise Misconfigured(
                f"WATCHDOG_URL must say in production what notices a dead machine, or {NOBODY}"
            )
        return []
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Misconfigured(f"WATCHDOG_URL must be an http or https address, or {NOBODY}")
    return [url]


def _mail_server(told: Mapping[str, str], files: str) -> dict[str, Any]:
    try:
        protected = Boolean().deserialize(told.get("SMTP_STARTTLS", "false"))
    except ValidationError:
        raise Misconfigured("SMTP_STARTTLS must be true or false") from None
    if told.get("LAPOR_ENV") == "production" and not protected:
        raise Misconfigured("SMTP_STARTTLS must be on in production")
    server: dict[str, Any] = {
        "smtp_smarthost": f"{told['SMTP_HOST']}:{told['SMTP_PORT']}",
        "smtp_hello": told["SMTP_FROM"].rpartition("@")[2],
        "smtp_from": told["SMTP_FROM"],
        "smtp_require_tls": protected,
    }
    if user := told.get("SMTP_USER"):
        server |= {
            "smtp_auth_username": user, "smtp_auth_password_file": f"{files}/smtp-password",
        }  # fmt: skip
    return server


def _route(receiver: str, severity: str, *, group_wait: str, interval: str, repeat: str) -> Any:
    return {
        "receiver": receiver, "matchers": [f'severity="{severity}"'], "group_wait": group_wait,
        "group_interval": interval, "repeat_interval": repeat,
    }  # fmt: skip


def _mails(to: list[str]) -> list[dict[str, Any]]:
    """One mail each: who is refused by the server keeps it from nobody else."""
    return [
        {
            "to": address,
            "send_resolved": True,
            "headers": {"Subject": '{{ template "lapor.subject" . }}'},
            "html": "",
            "text": '{{ template "lapor.text" . }}',
        }
        for address in to
    ]
