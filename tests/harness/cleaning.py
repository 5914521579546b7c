"""What earlier runs of the tests left behind for whoever wanted to look."""

import shutil
from pathlib import Path

KEPT = 3  # failed runs whose folders stay


def forget_runs(folder: Path) -> None:
    """Removes the folders of runs that have ended, but for the newest few."""
    ended = [run for run in folder.iterdir() if not Path("/proc", run.name).exists()]
    for run in sorted(ended, key=lambda run: run.stat().st_mtime, reverse=True)[KEPT:]:
        for record in run.rglob("elsewhere"):  # a database that root had lent away
            shutil.rmtree(record.read_text(), ignore_errors=True)
        shutil.rmtree(run, ignore_errors=True)
