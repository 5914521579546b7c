"""Where the time goes: flame graphs of every worker while something is measured."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGINT

from deploy.local.system import System

RATE = 100  # samples per second
LONGEST = 600  # seconds
_TITLE = re.compile(r'(<text id="title"[^>]*>)[^<]*')


@contextmanager
def of_workers(system: System, folder: Path) -> Iterator[None]:
    """Writes `SERVICE.svg` for each; costs what is measured some per cent."""
    folder.mkdir(parents=True, exist_ok=True)
    graphs = {service: folder / f"{service}.svg" for service in system.services}
    spies = []
    for service, graph in graphs.items():
        command = [
            Path(sys.executable).with_name("py-spy"), "record", "--rate", RATE, "--duration",
            LONGEST, "--output", graph,
            "--pid", system.process(f"{service}-worker").pid,
        ]  # fmt: skip
        spies.append(subprocess.Popen([str(word) for word in command], stderr=subprocess.DEVNULL))
    try:
        yield
    finally:
        for spy in spies:
            spy.send_signal(SIGINT)
        for spy in spies:
            spy.wait(60)
        for service, graph in graphs.items():  # its title is the command, with this machine's paths
            graph.write_text(_TITLE.sub(rf"\g<1>{service}'s worker", graph.read_text(), count=1))
