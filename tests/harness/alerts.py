"""A real Prometheus beside a running system: which alerts are pending or firing there."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from deploy.local.plain import PLAIN
from deploy.local.prometheus import Prometheus, program
from deploy.local.system import System
from tests.harness.waiting import eventually


class Watch:
    """Asks Prometheus as its page does."""

    def __init__(self, url: str) -> None:
        self._url = url

    def alerts(self, *states: str) -> dict[str, list[dict[str, str]]]:
        """The alerts in these states (`pending`, `firing`), with the labels of each."""
        found: dict[str, list[dict[str, str]]] = {}
        for alert in self._ask("alerts")["alerts"]:
            if alert["state"] in states:
                found.setdefault(alert["labels"]["alertname"], []).append(alert["labels"])
        return found

    def value(self, expression: str) -> list[float]:
        """The values of an expression now."""
        found = self._ask("query", query=expression)["result"]
        return [float(sample["value"][1]) for sample in found]

    def _ask(self, what: str, **more: str) -> Any:
        url = f"{self._url}/api/v1/{what}"
        answer = httpx.get(url, params=more, timeout=10, trust_env=False, verify=PLAIN)
        return answer.raise_for_status().json()["data"]


@contextmanager
def measuring(
    system: System, cache: Path, kind: type[Prometheus] = Prometheus
) -> Iterator[Prometheus]:
    """Runs Prometheus, with the rules and the rhythm of an installation, while the block runs. One
    that this machine does not have is fetched as for `./lapor up`, however long that takes; Failed,
    saying what to do, where it cannot be had: a check without it is none."""
    program("prometheus", cache)
    one = kind(system.folder / "prometheus", cache, system.scrape_targets())
    one.begin()
    try:
        eventually(lambda: one.tend() or one.is_up, "Prometheus is up", seconds=60)
        yield one
    finally:
        one.stop()


@contextmanager
def watched(system: System, cache: Path) -> Iterator[Watch]:
    """The same, once it has read the workers."""
    with measuring(system, cache) as one:
        watch = Watch(one.url)
        eventually(lambda: watch.value('up{kind="worker"}'), "the first scrape", seconds=60)
        yield watch
