"""Load from programs that others trust: wrk for HTTP, pgbench for the database."""

import json
import os
import re
import subprocess
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median

from deploy import secrets
from deploy.local.debian import unpacked
from deploy.local.environment import CACHE
from deploy.local.postgres import program
from deploy.local.system import System

HERE = Path(__file__).parent
_runs = count(os.getpid() * 1000)


@dataclass(frozen=True)
class Load:
    """What one run met: per second, and seconds to answer. `refused` got another status than 2xx
    or 3xx, `broken` none at all."""

    rate: float
    p50: float
    p99: float
    refused: int = 0
    broken: int = 0


def middle(runs: list[Load]) -> Load:
    """The medians of several runs; what went wrong is added up."""
    return Load(
        median(run.rate for run in runs),
        median(run.p50 for run in runs),
        median(run.p99 for run in runs),
        sum(run.refused for run in runs),
        sum(run.broken for run in runs),
    )


def reports(url: str, clients: int, seconds: float, *, contact: bool = True) -> Load:
    """So many clients send report after report to `url`, each with a key of its own."""
    folder = unpacked("wrk", CACHE)
    told = {
        "LD_LIBRARY_PATH": ":".join(str(f) for f in (folder / "usr" / "lib").glob("*-linux-gnu")),
        "BENCH_RUN": str(next(_runs)),
        "BENCH_CONTACT": "yes" if contact else "no",
    }
    command = [
        folder / "usr" / "bin" / "wrk", "-t1", f"-c{clients}", f"-d{seconds:.0f}s", "--timeout",
        "10s", "-s", HERE / "report.lua", f"{url}/v1/reports",
    ]  # fmt: skip
    ran = subprocess.run(command, env=os.environ | told, capture_output=True, text=True, check=True)
    seen = json.loads(ran.stdout.strip().splitlines()[-1])
    return Load(
        seen["requests"] / seen["seconds"], seen["p50"], seen["p99"], seen["refused"],
        seen["broken"],
    )  # fmt: skip


def floor(system: System, clients: int, seconds: float) -> Load:
    """The same rows, written by pgbench with a prepared statement: nobody could be faster."""
    password = secrets.read(system.secrets_folder, secrets.DATABASE.format("intake"))
    command = [
        program(system.postgres.folder, "pgbench"), "--no-vacuum", "--protocol=prepared",
        "--host=127.0.0.1", f"--port={system.postgres.port}", "--username=intake", "--jobs=1",
        f"--client={clients}", f"--time={seconds:.0f}", f"--file={HERE / 'report.sql'}", "intake",
    ]  # fmt: skip
    ran = subprocess.run(
        command, env=os.environ | {"PGPASSWORD": password}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    rate = re.search(r"tps = ([\d.]+)", ran.stdout)
    late = re.search(r"latency average = ([\d.]+)", ran.stdout)
    if rate is None or late is None:
        raise ValueError(f"pgbench said: {ran.stdout}")
    mean = float(late[1]) / 1000
    return Load(float(rate[1]), mean, mean)
