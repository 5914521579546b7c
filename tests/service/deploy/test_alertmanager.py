"""Who must be called is called: a real Alertmanager, and a mail server that really receives."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from chassis.config import Misconfigured
from deploy.alertmanager.configuration import configuration
from deploy.local.plain import PLAIN
from deploy.local.process import Process, free_port
from deploy.local.prometheus import program
from deploy.local.supervisor import http_ready
from tests.contract.measures import seconds_of
from tests.harness.certificates import Authority
from tests.harness.postbox import Postbox
from tests.harness.waiting import eventually

TEMPLATES = Path(__file__).parents[3] / "deploy" / "alertmanager"
PACKAGE = "prometheus-alertmanager"
ASSETS = "/usr/share/prometheus/alertmanager"  # where Debian's build looks for its own templates
EVERYONE = ["all@kotabaru.example", "second@kotabaru.example"]
TOLD = {
    "LAPOR_ENV": "production", "SMTP_HOST": "localhost", "SMTP_PORT": "25",
    "SMTP_FROM": "lapor@kotabaru.example", "SMTP_STARTTLS": "True",
    "ALERTS_TO": ", ".join(EVERYONE), "WATCHDOG_URL": "nobody",
}  # fmt: skip
IN_CLEAR = {"LAPOR_ENV": "demo", "SMTP_STARTTLS": "false"}


class Switch(BaseHTTPRequestHandler):
    """Somebody outside who expects the watchdog."""

    def do_POST(self) -> None:
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.heard.append(said)  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


class Calling:
    """An Alertmanager, the mail server that it is told of, and who expects its watchdog."""

    def __init__(self, folder: Path, cache: Path, **env: str) -> None:
        self.postbox, self.heard = Postbox(), list[dict[str, Any]]()
        self._switch = ThreadingHTTPServer(("127.0.0.1", 0), Switch)
        self._switch.heard = self.heard  # type: ignore[attr-defined]
        self._folder, self._port = folder, free_port()
        (folder / "smtp-password").write_text("right")
        self._manager = Process(
            "alertmanager",
            [
                _program(folder, cache), f"--config.file={folder}/alertmanager.yml",
                f"--storage.path={folder}/data", "--cluster.listen-address=",
                f"--web.listen-address=127.0.0.1:{self._port}",
            ],
            log=folder / "alertmanager.log", cwd=folder, env=env,
        )  # fmt: skip

    @contextmanager
    def running(self, certificate: Path | None = None, **told: str) -> Iterator["Calling"]:
        """Alertmanager that was told this, and waits a second for what belongs together."""
        port = str(self._switch.server_port)
        told = TOLD | IN_CLEAR | {"SMTP_PORT": str(self.postbox.port)} | told
        told["WATCHDOG_URL"] = f"http://127.0.0.1:{port}/ping"
        text = configuration(told, files=str(self._folder), templates=str(TEMPLATES))
        quick = re.sub(r'"(group_wait|group_interval)": "\w+"', r'"\1": "1s"', text)
        (self._folder / "alertmanager.yml").write_text(quick)
        if certificate:
            # aiosmtpd asks for LOGIN by words that it alone has
            self.postbox.start_protected(certificate, auth_exclude_mechanism=["LOGIN"])
        else:
            self.postbox.start()
        expecting = Thread(target=self._switch.serve_forever, args=(0.02,))
        expecting.start()
        self._manager.start()
        try:
            eventually(http_ready(self._port, "/-/ready"), "Alertmanager is ready", seconds=30)
            yield self
        finally:
            self._manager.stop()
            self._switch.shutdown()
            expecting.join()
            self._switch.server_close()
            self.postbox.stop()

    def tell(self, alert: str, severity: str, *, over: bool = False, **labels: str) -> None:
        """Says what Prometheus says of an alert."""
        said = {
            "labels": {"alertname": alert, "severity": severity, **labels},
            "annotations": {
                "summary": f"{labels.get('service', 'it')} is stuck",
                "runbook": f"docs/runbook.md#{alert.lower()}",
            },
            **({"endsAt": "2026-11-29T04:05:06Z"} if over else {}),
        }
        self._ask("POST", json=[said])

    def inhibited(self, alert: str) -> bool:
        """Whether it is held back by another."""
        found = self._ask("GET", params={"filter": f'alertname="{alert}"'}).json()
        return bool(found[0]["status"]["inhibitedBy"])

    def _ask(self, method: str, **more: Any) -> httpx.Response:
        url = f"http://127.0.0.1:{self._port}/api/v2/alerts"
        answer = httpx.request(method, url, timeout=10, trust_env=False, verify=PLAIN, **more)
        return answer.raise_for_status()

    def mails(self, about: str) -> list[EmailMessage]:
        return [mail for mail in self.postbox.mails if about in mail["Subject"]]


def _program(folder: Path, cache: Path) -> Path:
    """The program. An unpacked one has another path in it, of the same length, to its templates."""
    found = program("prometheus-alertmanager", cache, PACKAGE)
    if not found.is_relative_to(cache.resolve()):
        return found
    (folder / "assets").symlink_to(found.parents[2] / ASSETS[1:])
    beside = "assets".rjust(len(ASSETS), "/").replace("//", "./")
    moved = folder / found.name
    moved.write_bytes(found.read_bytes().replace(ASSETS.encode(), beside.encode()))
    moved.chmod(0o700)
    return moved


@pytest.fixture
def calling(tmp_path: Path, cache: Path) -> Iterator[Calling]:
    with Calling(tmp_path, cache).running(PAGES_TO="page@kotabaru.example") as made:
        yield made


def test_what_must_wake_somebody_is_mailed_where_that_is_and_what_can_wait_to_all(
    calling: Calling,
) -> None:
    calling.tell("OutboxStuck", "page", service="intake")
    calling.tell("OutboxStuck", "page", service="notify")
    calling.tell("FeedBehind", "ticket")

    eventually(lambda: len(calling.mails("FeedBehind")) == 2, "both have their mail", seconds=40)
    [page] = eventually(lambda: calling.mails("OutboxStuck"), "the page is mailed", seconds=40)
    assert sorted(mail["To"] for mail in calling.mails("FeedBehind")) == EVERYONE
    assert page["To"] == "page@kotabaru.example"
    assert page["Subject"] == "[LAPOR! page] OutboxStuck"
    assert re.fullmatch(
        r"""intake is stuck
  since 20\d\d-\d\d-\d\d \d\d:\d\d UTC; what to do: docs/runbook.md#outboxstuck
notify is stuck
  since 20\d\d-\d\d-\d\d \d\d:\d\d UTC; what to do: docs/runbook.md#outboxstuck
""",
        text(page).replace("\r\n", "\n"),
    )
    assert calling.postbox.greetings == {"kotabaru.example"}
    assert not calling.heard


def test_that_it_is_over_is_mailed_too(calling: Calling) -> None:
    calling.tell("OutboxStuck", "page")
    eventually(lambda: calling.mails("OutboxStuck"), "the page is mailed", seconds=40)

    calling.tell("OutboxStuck", "page", over=True)

    [over] = eventually(lambda: calling.mails("is over"), "its end is mailed", seconds=20)
    assert re.match(r"over since 20[-\d]+ \d\d:\d\d UTC: it is stuck\r?\n", text(over))


def test_who_expects_the_watchdog_hears_it_until_calling_fails(calling: Calling) -> None:
    calling.tell("Watchdog", "none")
    eventually(lambda: calling.heard, "the switch is held", seconds=20)
    assert not calling.postbox.mails
    assert not calling.inhibited("Watchdog")

    calling.tell("CallsFailing", "page", integration="webhook")
    assert not calling.inhibited("Watchdog")

    calling.tell("CallsFailing", "page", integration="email")
    assert calling.inhibited("Watchdog")


def test_a_mail_server_that_wants_a_password_over_tls_is_given_it(
    tmp_path: Path, cache: Path
) -> None:
    authority = Authority(tmp_path)
    calling = Calling(tmp_path, cache, SSL_CERT_FILE=str(authority.file))
    certificate = authority.certificate("localhost")

    with calling.running(certificate, SMTP_STARTTLS="yes", SMTP_USER="lapor"):
        calling.tell("OutboxStuck", "page")
        eventually(lambda: len(calling.postbox.mails) == 2, "both have their mail", seconds=40)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"ALERTS_TO": ""}, "ALERTS_TO must say who is called in production, or nobody"),
        ({"ALERTS_TO": "Budi <budi@x.example>"}, "ALERTS_TO must be plain addresses"),
        ({"PAGES_TO": "08123456789"}, "PAGES_TO must be plain addresses"),
        ({"SMTP_STARTTLS": "no"}, "SMTP_STARTTLS must be on in production"),
        ({"SMTP_STARTTLS": "starttls"}, "SMTP_STARTTLS must be true or false"),
        ({"WATCHDOG_URL": ""}, "WATCHDOG_URL must say in production what notices a dead machine"),
        ({"WATCHDOG_URL": "hc-ping.example/1"}, "WATCHDOG_URL must be an http or https address"),
        ({"WATCHDOG_URL": "https:/hc-ping.example"}, "WATCHDOG_URL must be an http or https addr"),
        ({"WATCHDOG_URL": "https://[hc-ping/1"}, "WATCHDOG_URL must be an http or https address"),
    ],
)
def test_what_cannot_be_is_named_before_anything_starts(told: dict[str, str], words: str) -> None:
    with pytest.raises(Misconfigured, match=words):
        configuration(TOLD | told, files="", templates="")


def test_whoever_is_called_is_who_was_said() -> None:
    assert called({}) == {"pages": EVERYONE, "tickets": EVERYONE, "watchdog": []}
    assert called({"ALERTS_TO": "nobody"}) == {"pages": [], "tickets": [], "watchdog": []}
    assert called({"PAGES_TO": "nobody"}) == {"pages": [], "tickets": EVERYONE, "watchdog": []}
    switch = "https://hc-ping.example/1"
    assert called({"WATCHDOG_URL": switch})["watchdog"] == [switch]
    demonstration = called({"ALERTS_TO": "", "WATCHDOG_URL": "", "LAPOR_ENV": "demo"})
    assert demonstration["pages"] == demonstration["tickets"] == ["operators@lapor.example"]
    assert demonstration["watchdog"] == []


def test_the_switch_is_told_each_minute() -> None:
    """What was told less than `repeat_interval` ago is not told again: as long as the interval, it
    would miss every other time."""
    routes = json.loads(configuration(TOLD, files="", templates=""))["route"]["routes"]
    [watchdog] = [route for route in routes if route["receiver"] == "watchdog"]

    assert seconds_of(watchdog["group_interval"]) == 60
    assert seconds_of(watchdog["repeat_interval"]) < 60


def text(mail: EmailMessage) -> str:
    """All that it says: Alertmanager makes a whole of parts of each mail, if there is only one."""
    [only] = mail.iter_parts()
    return str(only.get_content())


def called(told: dict[str, str]) -> dict[str, list[str]]:
    """Whom each receiver mails to, or posts to."""
    made = json.loads(configuration(TOLD | told, files="", templates=""))
    return {
        one["name"]: [mail["to"] for mail in one.get("email_configs", ())]
        + [post["url"] for post in one.get("webhook_configs", ())]
        for one in made["receivers"]
    }
