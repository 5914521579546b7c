"""Prometheus for the embedded run: an installed one, or Debian's package unpacked like the broker.

Nothing waits for it: the system is up before it is fetched.
"""

import json
import shutil
import threading
from pathlib import Path

from deploy.local import debian
from deploy.local.environment import ROOT
from deploy.local.process import Failed, Process, free_port
from deploy.local.supervisor import http_ready

CONFIG = ROOT / "deploy" / "prometheus" / "prometheus.yml"


class Prometheus:
    """Comes up some time after `begin`, if it can be had; `tend` starts it when it is here."""

    def __init__(self, folder: Path, cache: Path, targets: dict[str, int]) -> None:
        """`targets`: the port of each process by name."""
        self.folder, self.cache, self.targets = folder.resolve(), cache, targets
        self.port = free_port()
        self.process: Process | None = None
        self.trouble = ""
        self._program: Path | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def is_up(self) -> bool:
        """Whether it answers questions: it listens before it has read what it has stored."""
        running = self.process is not None and self.process.running
        return running and http_ready(self.port, "/-/ready")()

    def begin(self) -> None:
        """Fetches the program in the background."""
        threading.Thread(target=self._fetch, daemon=True).start()

    def tend(self) -> None:
        """Starts it once the program is here, from the calling thread. It is not started twice."""
        if self._program and self.process is None:
            self.process = self._prepared(self._program)
            self.process.start()

    def stop(self) -> None:
        if self.process:
            self.process.stop()

    def _fetch(self) -> None:
        try:
            self._program = program("prometheus", self.cache)
        except (Failed, OSError) as error:
            self.trouble = str(error)

    def _prepared(self, binary: Path) -> Process:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.copytree(CONFIG.parent, self.folder / "config", dirs_exist_ok=True)
        (self.folder / "config" / "targets.json").write_text(json.dumps(targets(self.targets)))
        command = [
            binary, f"--config.file={self.folder}/config/{CONFIG.name}",
            f"--storage.tsdb.path={self.folder}/data", "--storage.tsdb.retention.time=7d",
            f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=warn",
        ]  # fmt: skip
        return Process("prometheus", command, log=self.folder / "prometheus.log", cwd=self.folder)


def program(name: str, cache: Path, package: str = "prometheus") -> Path:
    """A program such as `promtool`; Failed when neither the machine nor Debian's package has it."""
    if found := shutil.which(name):
        return Path(found)
    if not debian.available():
        raise Failed(f"no {name} in PATH, and no apt-get to fetch it: install {package}")
    return debian.unpacked(package, cache) / "usr" / "bin" / name


def targets(ports: dict[str, int]) -> list[dict[str, object]]:
    """Prometheus' list of what to read, labelled by service and kind of process."""
    return [
        {
            "targets": [f"127.0.0.1:{port}"],
            "labels": dict(zip(("service", "kind"), f"{name}-engine".split("-"), strict=False)),
        }
        for name, port in ports.items()
    ]
