"""`python -m services.<name> <command>`: everything that a service can be told to do.

migrate              bring the database to the newest revision
seed                 put in what the service starts with; prints what is shown only once
api | worker         run one process, until SIGTERM
openapi              print the OpenAPI document
parked list          events that need a person: which, why, since when
parked show ID       one of them with its envelope (its data only with --data)
parked replay ID|all have it tried again
parked drop ID       give up on one that no try can help: it never has its effect
replay --since TIME  send again what was emitted from TIME on (RFC 3339, with its offset) and in the
                     last 30 days: of what is older others may have forgotten that they had it
number-anew          after the database was restored to an earlier state, before the worker starts:
                     what is said from now on has numbers that nothing can have had
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from collections.abc import Callable
from datetime import datetime
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any
from uuid import UUID

Command = Callable[[str, argparse.Namespace], None]


def main(service: str) -> None:
    """Reads the command line and does what it says."""
    parser = argparse.ArgumentParser(
        prog=f"python -m services.{service}",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    # Not for a process that serves: nothing may be imported before a worker's sockets are green.
    own = {} if sys.argv[1:2] in (["api"], ["worker"]) else _own(service)
    for name in ("migrate", "seed", "api", "worker", "openapi", *({"number-anew"} - own.keys())):
        commands.add_parser(name)
    parked = commands.add_parser("parked").add_subparsers(dest="action", required=True)
    parked.add_parser("list")
    show = parked.add_parser("show")
    show.add_argument("id", type=UUID)
    show.add_argument("--data", action="store_true", help="show the event's data too")
    parked.add_parser("replay").add_argument("id", type=one_or_all)
    parked.add_parser("drop").add_argument("id", type=UUID)
    replay = commands.add_parser("replay")
    replay.add_argument("--since", required=True, type=moment)
    for name, command in own.items():
        command.add_to(commands.add_parser(name))
    arguments = parser.parse_args()
    chosen = own.get(arguments.command) or _COMMANDS[arguments.command]
    chosen(service, arguments)


def _own(service: str) -> dict[str, Any]:
    """Commands that a service adds: `services/<name>/commands.py: COMMANDS`. Its own `number-anew`
    does more than the one of all."""
    module = f"services.{service}.commands"
    return import_module(module).COMMANDS if find_spec(module) else {}


def one_or_all(told: str) -> UUID | None:
    """The id of an event, or None for `all`. Raises ValueError."""
    return None if told == "all" else UUID(told)


def moment(told: str) -> datetime:
    """A moment as RFC 3339 writes it. Raises ArgumentTypeError without an offset: whether it was
    meant here or in Greenwich makes a difference of hours."""
    at = datetime.fromisoformat(told)
    if at.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{told} needs an offset, as in {told}+08:00")
    return at


def settings(service: str) -> Any:
    """The service's configuration, read from the environment."""
    return import_module(f"services.{service}.config").Settings.read(service)


def transactions(service: str) -> Any:
    """The service's database, for a command."""
    from chassis.database import Transactions, engine

    return Transactions(engine(settings(service).database_url, 2))


def application(service: str, configured: Any) -> Any:
    """The service's WSGI application; granian calls this."""
    from psycopg2.extensions import set_wait_callback

    from chassis import failpoints, health, logs
    from chassis.clock import Clock
    from chassis.database import Transactions, engine, listen

    set_wait_callback(listen)
    logs.configure(service, "api", configured.log_level)
    failpoints.arm(configured.failpoints)
    db = Transactions(engine(configured.database_url, configured.http_threads + 2))
    host, port = configured.http_host, configured.http_port
    http = partial(health.is_listening, host, port)
    health.serve(host, configured.internal_port, {"database": db.is_up, "http": http})
    api, clock = import_module(f"services.{service}.api"), Clock(configured.clock_file)
    made = api.app(configured, db, clock)
    logs.log.info("api_started")
    return made


def _migrate(service: str, _: argparse.Namespace) -> None:
    from chassis.migrations import migrate

    migrate(service, settings(service).database_url)


def _seed(service: str, _: argparse.Namespace) -> None:
    if find_spec(f"services.{service}.seed"):
        import_module(f"services.{service}.seed").run(settings(service), transactions(service))


def _api(service: str, _: argparse.Namespace) -> None:
    from granian.constants import Interfaces
    from granian.server import MPServer

    class Alone(MPServer):
        """Serves in this process: one that only minded it would fill 19 MB, and is minded too."""

        def _spawn_workers(self, target: Any, loader: Any) -> None:
            self._spawn_worker(0, target, loader).inner.run()
            self.signal_handler_interrupt()  # it was told to stop, and has

        def signal_handler_interrupt(self, *_: Any) -> None:
            """Ends at once: who is told so while it loads has nothing in hand."""
            raise SystemExit

    configured = settings(service)
    Alone(
        service,
        interface=Interfaces.WSGI,
        address=configured.http_host,
        port=configured.http_port,
        blocking_threads=configured.http_threads,
        websockets=False,
        log_enabled=False,
    ).serve(target_loader=partial(application, configured=configured))


def make_green() -> None:
    """Makes this process' sockets and threads green, unless they are. Raises RuntimeError if that
    comes too late for what has been imported."""
    warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")  # ADR 2 knows
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    os.environ["EVENTLET_NO_GREENDNS"] = "yes"  # a resolver of its own, of 8 MB in each worker
    import eventlet
    from eventlet import tpool
    from eventlet.green import socket

    if eventlet.patcher.is_monkey_patched("socket"):
        return
    if early := {"kombu", "psycopg2", "sqlalchemy"} & sys.modules.keys():
        raise RuntimeError(f"imported before the sockets are green: {', '.join(sorted(early))}")
    # The system's instead, in real threads: whoever looks up a name keeps nobody else waiting.
    socket.getaddrinfo = partial(tpool.execute, socket.getaddrinfo)
    eventlet.monkey_patch()


def _worker(service: str, _: argparse.Namespace) -> None:
    make_green()
    from chassis import worker

    module = import_module(f"services.{service}.service")
    hosted = next(c for c in vars(module).values() if getattr(c, "name", None) == service)
    worker.run(hosted, settings(service))


def _openapi(service: str, _: argparse.Namespace) -> None:
    from chassis.openapi import describe

    api = import_module(f"services.{service}.api")
    document = describe(service, api.routes(settings(service), None, None), api.SECURITY)
    sys.stdout.write(json.dumps(document, indent=1, sort_keys=True) + "\n")


def _parked(service: str, arguments: argparse.Namespace) -> None:
    from chassis import parked
    from chassis.clock import Clock

    now = Clock(settings(service).clock_file).now()
    with transactions(service).begin() as tx:
        try:
            if arguments.action == "list":
                found = parked.listed(tx)
                sys.stdout.writelines("  ".join(map(str, row)) + "\n" for row in found)
                sys.stdout.write(f"{len(found)} parked\n")
            elif arguments.action == "show":
                sys.stdout.write(parked.show(tx, arguments.id, data=arguments.data) + "\n")
            elif arguments.action == "drop":
                gone = parked.give_up(tx, arguments.id, now)
                sys.stdout.write(f"given up: {gone.type or 'no event'}, {gone.reason}\n")
            else:
                sys.stdout.write(f"{parked.replay(tx, arguments.id, now)} will be tried again\n")
        except LookupError as error:
            sys.exit(str(error))


def _replay(service: str, arguments: argparse.Namespace) -> None:
    from chassis import outbox

    with transactions(service).begin() as tx:
        sent = outbox.replay(tx, arguments.since)
    sys.stdout.write(f"{sent.again} events will be sent again\n")
    if sent.start > arguments.since:
        sys.stdout.write(f"{sent.old} left out: history before {sent.start:%F %R} UTC is lost\n")


def _number_anew(service: str, _: argparse.Namespace) -> None:
    from chassis import outbox
    from chassis.clock import Clock

    with transactions(service).begin() as tx:
        outbox.number_anew(tx, Clock(settings(service).clock_file).now())
    sys.stdout.write("what is said from now on is numbered anew\n")


_COMMANDS: dict[str, Command] = {
    "migrate": _migrate,
    "seed": _seed,
    "api": _api,
    "worker": _worker,
    "openapi": _openapi,
    "parked": _parked,
    "replay": _replay,
    "number-anew": _number_anew,
}
