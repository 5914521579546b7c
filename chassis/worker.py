"""Runs a service's worker process until it is told to stop (SIGTERM, SIGINT)."""

from __future__ import annotations

import signal
import time
from typing import Any

import eventlet
import psycopg2
from eventlet import wsgi
from eventlet.hubs import trampoline
from psycopg2.extensions import POLL_OK, POLL_READ, set_wait_callback

from chassis import failpoints, health, logs, metrics
from chassis.config import Settings
from chassis.service import container

SILENCE = 15.0  # seconds; longer than any statement may take


def run(service_cls: type, settings: Settings) -> None:
    """Hosts `service_cls`; returns after a clean stop, raises what killed the container."""
    logs.configure(settings.service, "worker", settings.log_level)
    set_wait_callback(_wait)
    failpoints.arm(settings.failpoints)
    hosted = container(service_cls, settings)
    db, broker = hosted.config["db"], hosted.config["broker"]
    checks = {"database": db.is_up, "broker": broker.is_set}
    inside = health.application(checks)
    socket = eventlet.listen((settings.http_host, settings.internal_port))
    eventlet.spawn_n(wsgi.server, socket, inside, log_output=False, debug=False)

    def end() -> None:
        hosted.config["stopping"].set()
        hosted.stop()

    def stop(*_: Any) -> None:
        eventlet.spawn_n(end)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    eventlet.spawn_n(_watch_hub, settings.service)
    eventlet.spawn_n(health.show, checks)
    hosted.start()
    logs.log.info("worker_started")
    try:
        hosted.wait()
    except Exception as error:
        logs.log.critical("worker_died", **logs.cause(error))
        raise SystemExit(1) from None
    hosted.config["relay"].close()


def _wait(connection: Any) -> None:
    """Lets other green threads run while the database works, as eventlet's own callback does, but
    not for ever: a server that says nothing at all is away (libpq's own limits do not hold here).
    """
    while (state := connection.poll()) != POLL_OK:
        trampoline(
            connection.fileno(),
            read=state == POLL_READ,
            write=state != POLL_READ,
            timeout=SILENCE,
            timeout_exc=psycopg2.OperationalError("the database says nothing"),
        )


def _watch_hub(service: str) -> None:
    """Measures how late the event loop is: what blocks it also starves the broker's heartbeats."""
    recent = [0.0] * 120
    turn = 0
    while True:
        started = time.monotonic()
        eventlet.sleep(0.5)
        recent[turn % len(recent)] = max(0.0, time.monotonic() - started - 0.5)
        metrics.HUB_LAG.labels(service).set(max(recent))
        turn += 1
