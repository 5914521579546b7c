"""A database that root lends away and takes back is whole at every moment."""

import errno
import os
import sys
import warnings
from collections.abc import Callable
from itertools import count
from pathlib import Path
from signal import SIGKILL

import pytest

from deploy.local.postgres import _move
from deploy.local.process import SAME_USER

pytestmark = pytest.mark.fault

CONTENT = {"PG_VERSION": "18", "base/1/1247": "people", "base/1/1249": "reports"}


def killed(work: Callable[[], object], step: int) -> bool:
    """Does the work in a process that is killed just before its `step`th call to the file system;
    whether it was."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # eventlet's, which other tests have loaded
        child = os.fork()
    if child == 0:
        steps = count()

        def meet(event: str, _: object) -> None:
            if event.startswith(("os.", "open")) and event != "os.kill" and next(steps) == step:
                os.kill(os.getpid(), SIGKILL)

        sys.addaudithook(meet)
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status in (0, SIGKILL)
    return status == SIGKILL


def move(data: Path, to: Path, *, across: bool) -> None:
    """In a process that ends: nobody else has its file systems part, or not be synced."""
    rename = Path.rename

    def renamed(self: Path, target: Path) -> Path:
        if across and self.parent != target.parent:
            raise OSError(errno.EXDEV, "another file system")
        return rename(self, target)

    Path.rename = renamed  # type: ignore[assignment]
    os.sync = lambda: None
    _move(data, to, SAME_USER)


def write(folder: Path, content: dict[str, str]) -> None:
    for name, text in content.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def read(folder: Path) -> dict[str, str]:
    files = [file for file in folder.rglob("*") if file.is_file()]
    return {str(file.relative_to(folder)): file.read_text() for file in files}


@pytest.mark.parametrize("across", [False, True], ids=["one file system", "another"])
def test_a_kill_at_any_step_leaves_it_whole_in_one_place(tmp_path: Path, across: bool) -> None:
    for step in count():
        data, to = tmp_path / f"from-{step}" / "data", tmp_path / f"to-{step}" / "data"
        write(data, CONTENT)
        write(to, {"PG_VERSION": "18", "base/1/1247": "what a move before left behind"})
        died = killed(lambda data=data, to=to: move(data, to, across=across), step)  # type: ignore[misc]

        assert read(data if data.exists() else to) == CONTENT
        if not died:
            break

    assert step > 10
    assert [path.name for path in (*data.parent.iterdir(), *to.parent.iterdir())] == ["data"]
    assert read(to) == CONTENT
