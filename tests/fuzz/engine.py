"""Atheris, the fuzzer: fetched from the package index when first needed, checked against hashes.

It is not in requirements.lock: only who fuzzes needs its 35 MB, and it is made for x86-64 alone.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from deploy import bootstrap
from deploy.local.process import Failed

ATHERIS = "3.0.0"
WHEELS = {  # for CPython 3.11, 3.12 and 3.13, on x86-64
    "8a5c8a781467c187da40fd29139784193e2647058831f837f675d0bb8cbd8746",
    "510e502c57b6dc615fb174066407af620d4c7f73cf08a782c86e7761bf12c4eb",
    "a402cdca8a650d1371050b1f9552eb4cdc488d2db64950d603c4560318365eac",
}


def folder(cache: Path) -> Path:
    """Where it can be imported from; Failed, with the last words of uv, when it cannot be had."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    here = cache.resolve() / f"atheris-{ATHERIS}-{version}"
    if here.exists():
        return here
    uv = bootstrap.uv_path()
    if not uv.exists():
        bootstrap.fetch_uv(uv)
    with tempfile.TemporaryDirectory(dir=here.parent) as attempt:
        wanted, target = Path(attempt) / "wanted.txt", Path(attempt) / "atheris"
        hashes = " ".join(f"--hash=sha256:{digest}" for digest in sorted(WHEELS))
        wanted.write_text(f"atheris=={ATHERIS} {hashes}\n")
        told = ["--quiet", "--require-hashes", "--no-deps", "--only-binary", ":all:"]
        where = ["--python", sys.executable, "--target", target]
        command = [uv, "pip", "install", *told, *where, "-r", wanted]
        environment = os.environ | bootstrap.uv_environment()
        fetched = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False
        )
        if fetched.returncode:
            raise Failed(f"atheris cannot be fetched:\n{fetched.stderr[-500:]}")
        _put(target, here)
    return here


def _put(made: Path, here: Path) -> None:
    """At once; whoever was faster wins."""
    try:
        made.rename(here)
    except OSError:
        if not here.exists():
            raise
