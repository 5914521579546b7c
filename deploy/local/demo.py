"""`./lapor demo`: everything is set up and started, then the main job is done on the screen."""

import os
import re
import shutil
import subprocess
import time
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx

from deploy.local import docker, runner
from deploy.local.environment import ROOT
from deploy.local.mailbox import Mail
from deploy.local.process import Failed
from deploy.local.scenario import AGENCY, Stage, Wrong, tell
from deploy.local.system import System, first_passwords

ZONE = ZoneInfo("Asia/Makassar")
FILES = ("--file", "docker-compose.yml", "--file", "deploy/compose/demo.yml")


def here(folder: Path, port: int, *, once: bool) -> int:
    """Runs the demonstration on this machine, on fresh data; 1 if the system broke a promise."""
    runner.stop(folder)
    with runner.held(folder):
        for old in folder.iterdir():
            if old.name != "lock":
                shutil.rmtree(old) if old.is_dir() else old.unlink()
    started, outcome = time.monotonic(), [1]
    system = System(
        folder, port=port, amqp_uri=os.environ.get("AMQP_URI", ""),
        say=lambda text: print(f"  {time.monotonic() - started:5.1f} s  {text}", flush=True),
    )  # fmt: skip

    def story(_: System) -> bool:
        print(f"\neverything is up after {time.monotonic() - started:.0f} s")
        stage = Stage(
            system.url, system.passwords, system.mails, system.clock.move, system.ombudsman_key,
            system.ombudsman_keys,
        )  # fmt: skip
        outcome[0] = _told(stage)
        print(f"\nAPI      {system.url}/api\nmailbox  {system.mail_url}\nlogs     {system.logs}")
        if not once:
            _invite(stage, "Ctrl-C stops it.")
        return not once

    print(f"starting the system in {folder}")
    runner.keep(system, system.say, story)
    return outcome[0]


def in_containers(*, once: bool) -> int:
    """Runs the demonstration in fresh containers of its own; they stay up unless `once`."""
    stop_containers()
    docker.compose(*FILES, "up", "--build", "--detach", "--wait", environment=DEMO)
    port = os.environ.get("LAPOR_HTTPS_PORT", "443")
    mail_url = f"http://127.0.0.1:{os.environ.get('LAPOR_MAIL_PORT', '8025')}"
    stage = Stage(
        f"https://localhost:{port}",
        first_passwords(_said("logs", "--no-log-prefix", "--no-color", "seed-routing")),
        lambda: _mailpit(mail_url),
        ContainerClock().move,
        _kept("ombudsman-bearer-key"),
        {
            "signing-key": _kept("ombudsman-signing-key.json"),
            "opening-key": _kept("ombudsman-private-key.json"),
            "ca": _said("exec", "-T", "gateway", "cat", GATEWAY_CA),
        },
        trusted=False,  # the gateway signs for localhost itself
    )
    outcome = _told(stage)
    print(f"\nAPI      {stage.url}/api\nmailbox  {mail_url}")
    if once:
        stop_containers()
    else:
        _invite(stage, "./lapor down --mode docker stops it.")
    return outcome


def stop_containers() -> None:
    """Takes the demonstration's containers away, with all that they hold."""
    docker.compose(*FILES, "down", "--volumes", "--remove-orphans", environment=DEMO)


PROJECT = "lapor-demo"
DEMO = {  # never the real system's data, addresses or mail server
    "LAPOR_ENV": "demo", "COMPOSE_PROJECT_NAME": PROJECT, "COMPOSE_DISABLE_ENV_FILE": "1",
}  # fmt: skip
GATEWAY_CA = "/data/caddy/pki/authorities/local/root.crt"


def _kept(name: str) -> str:
    """What the vault still holds for the Ombudsman, who would have got it by hand."""
    return _said("run", "--rm", "--no-deps", "-T", "secrets", "cat", f"/vault/{name}").strip()


class ContainerClock:
    """Moves the containers' clock, which is a file in a volume that all of them read."""

    def __init__(self) -> None:
        self._offset = timedelta()

    def move(self, by: timedelta) -> None:
        self._offset += by
        _said("run", "--rm", "-T", "clock", str(self._offset.total_seconds()))


def _said(*words: str) -> str:
    """What `docker compose` prints; Failed with its last words."""
    run = subprocess.run(
        ["docker", "compose", *FILES, *words],  # noqa: S607
        cwd=ROOT, env={**os.environ, **DEMO}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if run.returncode:
        raise Failed(f"docker compose {' '.join(words)}: {run.stderr.strip()[-1000:]}")
    return re.sub(r"\x1b\[\d*[A-Za-z]", "", run.stdout)  # Compose clears lines, seen or not


def _mailpit(url: str) -> list[Mail]:
    """The mails of the containers' mailbox, oldest first."""
    with httpx.Client(base_url=f"{url}/api/v1", trust_env=False) as client:
        found = client.get("/messages", params={"limit": 200}).json()["messages"]
        whole = [client.get(f"/message/{mail['ID']}").json() for mail in reversed(found)]
    return [
        Mail(
            to=[to["Address"] for to in mail["To"]], sender=mail["From"]["Address"],
            subject=mail["Subject"], text=mail["Text"], headers={},
        )
        for mail in whole
    ]  # fmt: skip


def _invite(stage: Stage, how_to_stop: str) -> None:
    """Tells how to go on by hand; the clock has moved so far that other first passwords ended."""
    for username in ("koordinator", AGENCY):
        print(f"officer  {username} {stage.passwords[username]}")
    print(f"\nThe system stays up to be tried. {how_to_stop}", flush=True)


def _told(stage: Stage) -> int:
    """Tells the story; answers with the exit code."""
    today = datetime.now(ZONE).date().isoformat()
    try:
        tell(stage, today)
    except (Wrong, httpx.HTTPError) as error:
        print(f"\nNOT AS PROMISED: {error}", flush=True)
        return 1
    print("\nEverything went as promised.", flush=True)
    return 0
