"""A configuration that would show an address, or that lacks a key, stops the start."""

from dataclasses import replace
from typing import Any

import falcon.testing
import pytest

from chassis.config import Misconfigured, Secret, SecretText
from services.notify import api
from services.notify.config import Settings

GOOD = Settings(
    service="notify",
    lapor_env="production",
    database_url=SecretText("postgresql+psycopg2://notify:x@db/notify"),
    smtp_host="mail.example",
    smtp_from="lapor@kotabaru.example.org",
    smtp_starttls=True,
    smtp_user="lapor",
    smtp_password=SecretText("canary-password"),
    public_url="https://lapor.example",
    kek=Secret(b"canary-kek"),
    notify_private_key=Secret(b"canary-key"),
)


def test_a_good_one_is_taken() -> None:
    GOOD.check()

    assert GOOD.mailbox_limit == 20
    assert GOOD.page() == "https://lapor.example"
    assert GOOD.smtp().hello == "kotabaru.example.org"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"smtp_starttls": False}, "SMTP_STARTTLS"),
        ({"smtp_from": "LAPOR <lapor@kotabaru.example>"}, "SMTP_FROM"),
        ({"smtp_return_path": "LAPOR <kembali@kotabaru.example>"}, "SMTP_RETURN_PATH"),
        ({"quiet_hours": "21"}, "QUIET_HOURS"),
        ({"quiet_hours": "21-24"}, "QUIET_HOURS"),
        ({"quiet_hours": "9pm-6am"}, "QUIET_HOURS"),
        ({"mailbox_limit": -1}, "MAILBOX_LIMIT"),
        ({"smtp_port": 465}, "SMTP_PORT must be 587 or 25"),
        ({"smtp_port": 465, "lapor_env": "demo"}, "SMTP_PORT must be 587 or 25"),
        ({"smtp_from": "lapor@lapor.example"}, "SMTP_FROM"),
        ({"smtp_from": "lapor@example"}, "SMTP_FROM"),
        ({"smtp_from": "lapor@LAPOR.Example"}, "SMTP_FROM"),
        ({"public_url": "https://localhost"}, "PUBLIC_URL"),
        ({"public_url": "https://LOCALHOST.:8443/x"}, "PUBLIC_URL"),
        ({"public_url": "https://lapor.localhost"}, "PUBLIC_URL"),
        ({"public_url": "https://127.0.0.2"}, "PUBLIC_URL"),
        ({"public_url": "https://[::1]:8443"}, "PUBLIC_URL"),
        ({"public_url": "https://0.0.0.0"}, "PUBLIC_URL"),
        ({"public_url": "https://[lapor"}, "PUBLIC_URL"),
        ({"smtp_from": "lapor@kotabaru.example\nBcc: x@evil.example"}, "SMTP_FROM"),
    ],
)
def test_a_risky_one_is_refused(change: dict[str, Any], named: str) -> None:
    with pytest.raises(Misconfigured, match=named):
        replace(GOOD, **change).check()


def test_a_demonstration_may_send_what_production_may_not() -> None:
    demo = replace(GOOD, lapor_env="demo", public_url="https://localhost")
    replace(demo, smtp_from="lapor@lapor.example").check()


@pytest.mark.parametrize("url", ["https://192.0.2.7", "https://localhost.kotabaru.example.org"])
def test_a_page_elsewhere_is_taken(url: str) -> None:
    replace(GOOD, public_url=url).check()


def test_on_this_machine_mail_may_go_in_clear() -> None:
    replace(GOOD, smtp_starttls=False, smtp_host="127.0.0.1").check()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "lapor.example",
        "ftp://x.example",
        "https://x.example/?code=1",
        "https://a@x.example",
        "https://",
        "https://[x",
    ],
)
def test_the_page_is_a_plain_address(url: str) -> None:
    with pytest.raises(Misconfigured, match="PUBLIC_URL"):
        replace(GOOD, public_url=url).page()


def test_keys_that_are_none_are_refused_by_name_only() -> None:
    for read, named in ((GOOD.opener, "NOTIFY_PRIVATE_KEY_FILE"), (GOOD.keyring, "KEK_FILE")):
        with pytest.raises(Misconfigured, match=named) as caught:
            read()
        assert "canary" not in str(caught.value)


def test_secrets_do_not_show_themselves() -> None:
    assert "canary" not in repr(GOOD)
    assert "canary" not in repr(GOOD.smtp())


def test_there_is_nothing_to_ask_over_http() -> None:
    client = falcon.testing.TestClient(api.app(GOOD, None, None))

    for path in ("/", "/v1/contacts", "/v1/messages"):
        assert client.simulate_get(path).status_code == 404
