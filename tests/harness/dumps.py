"""A database is dumped and brought back to what it was, as the runbook tells operators to."""

import os
import subprocess
from pathlib import Path

from deploy.local.postgres import program


def dump(url: str, file: Path) -> None:
    """Writes a database to a file; `url` logs in as the tables' owner or the administrator."""
    _run(url, "pg_dump", "--format=custom", f"--file={file}")


def restore(url: str, file: Path, *, into_empty: bool = False) -> None:
    """Makes a database what it was when it was dumped. Nobody else may use it meanwhile."""
    _run(url, "pg_restore", *([] if into_empty else ["--clean"]), "--single-transaction", file)


def _run(url: str, name: str, *words: str | Path) -> None:
    address = url.replace("postgresql+psycopg2", "postgresql")
    ran = subprocess.run(
        [program(Path("/nowhere"), name), f"--dbname={address}", *words],
        env=os.environ | {"LC_ALL": "C"}, capture_output=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr.decode()
