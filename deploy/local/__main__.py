"""LAPOR! on this machine.

./lapor demo      sets everything up, shows what the system does, and stays up to be tried
./lapor up        starts the system in the background
./lapor down      stops it
./lapor status    tells what runs and where
./lapor logs X    shows what the processes whose names start with X have said
./lapor test      runs every check and test; arguments go to pytest, --faults adds those
                  that break whole systems, --all the slow ones too
./lapor bench     measures how fast it is, beside what this machine could do (--quick)
./lapor openapi   writes the OpenAPI documents anew from the code
./lapor lock      writes requirements.lock anew from requirements.in
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from deploy import bootstrap
from deploy.local import checks, demo, docker, openapi, runner
from deploy.local.environment import ROOT, STATE
from deploy.local.process import Failed, answers, free_port
from deploy.local.system import System

UP = STATE / "up"
DEMO = STATE / "demo"
PORT = 18080  # of `up` and `demo` if it is free, so that an address can be kept


def main(arguments: list[str]) -> int:
    """Does what the words say and answers with the exit code."""
    if arguments[:1] == ["test"]:
        return checks.run(arguments[1:])
    if arguments[:1] == ["bench"]:
        bench = [sys.executable, "-m", "bench", *arguments[1:]]
        return subprocess.run(bench, cwd=ROOT, check=False).returncode
    parser = argparse.ArgumentParser(
        prog="./lapor", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in ("demo", "up", "down"):
        command = commands.add_parser(name)
        command.add_argument("--mode", choices=("auto", "docker", "local"), default="auto")
        if name == "demo":
            command.add_argument("--once", action="store_true", help="stop after the demonstration")
        if name == "up":
            command.add_argument("--foreground", action="store_true", help="stay, until Ctrl-C")
    commands.add_parser("status")
    logs = commands.add_parser("logs")
    logs.add_argument("process", nargs="?", default="")
    logs.add_argument("-f", "--follow", action="store_true")
    commands.add_parser("openapi")
    commands.add_parser("lock")
    for name in ("test", "bench"):
        commands.add_parser(name, add_help=False)
    words = parser.parse_args(arguments)
    try:
        return COMMANDS[words.command](words)
    except Failed as error:
        print(f"lapor: {error}", file=sys.stderr)
        return 2


def _with_docker(words: argparse.Namespace) -> bool:
    if words.mode == "auto":
        return docker.answers()
    if words.mode == "docker" and not docker.answers():
        raise Failed(
            "no Docker engine answers (`docker info`), or it has no Compose.\n"
            "Start the engine, or use --mode local."
        )
    return bool(words.mode == "docker")


def _demo(words: argparse.Namespace) -> int:
    if _with_docker(words):
        return demo.in_containers(once=words.once)
    return demo.here(DEMO, _port(), once=words.once)


def _up(words: argparse.Namespace) -> int:
    if _with_docker(words):
        docker.compose("up", "--build", "--detach", "--wait")
        return 0
    if runner.is_held(UP):
        print("the system is up already; ./lapor down stops it")
        return _status(words)
    if words.foreground:
        runner.keep(_system(), print)
        return 0
    return _in_background()


def _system() -> System:
    given = os.environ.get("AMQP_URI", "")

    def say(text: str) -> None:
        print(f"  {text}", flush=True)

    return System(UP, port=_port(), amqp_uri=given, movable_clock=False, say=say)


def _in_background() -> int:
    """Starts a runner of its own, shows its words until it is ready or has failed."""
    UP.mkdir(parents=True, exist_ok=True, mode=0o711)
    started = time.monotonic()
    log = UP / "runner.log"
    with log.open("wb") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", "deploy.local", "up", "--mode", "local", "--foreground"],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=ROOT,
            start_new_session=True,
        )  # fmt: skip
    with log.open() as words:
        while not runner.state(UP) and child.poll() is None:
            print(words.read(), end="", flush=True)
            time.sleep(0.1)
        print(words.read(), end="")
    if child.poll() is not None:
        return 2
    print(f"up after {time.monotonic() - started:.0f} s")
    return _status(None)


def _down(words: argparse.Namespace) -> int:
    stopped = [folder.name for folder in (UP, DEMO) if folder.exists() and runner.stop(folder)]
    if words.mode == "docker" or (words.mode == "auto" and not stopped and docker.answers()):
        if docker.made(demo.PROJECT):  # and nothing else: the real system may run beside it
            demo.stop_containers()
        elif docker.is_production():
            raise Failed(
                "LAPOR_ENV is production here, or `docker compose config` fails, so nobody knows:"
                " `docker compose down` stops it, if you must"
            )
        else:
            docker.compose("down")
        return 0
    print(f"stopped: {', '.join(stopped)}" if stopped else "nothing was running")
    return 0


def _status(words: argparse.Namespace | None) -> int:
    found = [state for folder in (UP, DEMO) if (state := runner.state(folder))]
    for state in found:
        for name, process in state["processes"].items():
            alive = Path(f"/proc/{process['pid']}").exists()
            print(
                f"  {name:20} {'runs' if alive else 'DOWN':5} {process['pid']:>7}  {process['log']}"
            )
        print(f"API        {state['url']}/api\nmailbox    {state['mail_url']}")
        print(f"Prometheus {state['prometheus_url'] or 'not up yet'}")
        print(f"officers' first passwords: {state['passwords']}")
    if not found:
        print("nothing is up; ./lapor up starts the system")
    return 0 if found else 1


def _logs(words: argparse.Namespace) -> int:
    states = [state for folder in (UP, DEMO) if (state := runner.state(folder))]
    if not states:
        raise Failed("nothing is up")
    found = {
        name: Path(process["log"])
        for name, process in states[0]["processes"].items()
        if name.startswith(words.process)
    }
    if not found:
        raise Failed(f"no process is called {words.process}: {', '.join(states[0]['processes'])}")
    places = dict.fromkeys(found, 0)
    while True:
        for name, file in found.items():
            with file.open(errors="replace") as log:
                log.seek(places[name])
                for line in log:
                    print(f"{name:18} | {line.rstrip()}", flush=words.follow)
                places[name] = log.tell()
        if not words.follow:
            return 0
        time.sleep(0.3)


def _lock(words: argparse.Namespace) -> int:
    """The lock names no registry and no place on this machine."""
    command = [
        str(bootstrap.uv_path()), "pip", "compile", "--quiet", "--universal",
        "--generate-hashes", "--no-emit-index-url", "--python-version", "3.11",
        "--custom-compile-command", "./lapor lock", "requirements.in",
        "--output-file", "requirements.lock",
    ]  # fmt: skip
    told = bootstrap.uv_environment()
    return subprocess.run(command, cwd=ROOT, env=told, check=False).returncode


def _port() -> int:
    wanted = int(os.environ.get("LAPOR_PORT", PORT))
    return free_port() if answers(wanted) else wanted


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "demo": _demo, "up": _up, "down": _down, "status": _status, "logs": _logs, "lock": _lock,
    "openapi": lambda _: openapi.write(),
}  # fmt: skip


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit(130)
