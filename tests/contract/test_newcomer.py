"""Somebody adds a service: what they forget is named, and with all of it the service works.

Everything happens in a copy of the project, with its own guards and its own broker and database.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract import newcomer, places
from tests.contract.newcomer import FILLED, NAME

pytestmark = pytest.mark.fault

GUARDS = [
    *(f"tests/contract/test_{what}.py" for what in (
        "asyncapi", "code", "compose", "documents", "openapi", "places", "shape",
    )),
    "tests/contract/test_alerts.py::test_nothing_fires_while_all_is_well",
    "tests/unit/deploy/test_definitions.py",
]  # fmt: skip
RUNS = """
from deploy.local.environment import CACHE, STATE
from deploy.local.system import System
from tests.harness.publishing import publish
from tests.harness.waiting import eventually
from tests.service.chassis.stories import opened

with System(STATE / "system", env="test", cache=CACHE, services=["NAME"]) as system:
    publish(system.broker, "routing", [opened("KTB-12345-67894")])
    counted = eventually(lambda: system.psql("NAME", "SELECT number, kind FROM counted"))
    assert counted == [("KTB-12345-67894", "complaint")], counted
"""


def run(root: Path, *command: object) -> subprocess.CompletedProcess[str]:
    """A program of the copy, with its own state and our cache."""
    own = {"PYTHONPATH": str(root), "LAPOR_STATE": str(root / ".lapor")}
    told = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    return subprocess.run(
        list(map(str, command)), cwd=root, env=told | own, capture_output=True, text=True,
        check=False, timeout=300,
    )  # fmt: skip


def guards(root: Path, *chosen: str) -> subprocess.CompletedProcess[str]:
    return run(root, sys.executable, "-m", "pytest", "-q", "-m", "not slow", *chosen)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the project with the newcomer's folder, and nothing that names it."""
    root = newcomer.copy_project(tmp_path / "project")
    newcomer.add_folder(root)
    return root


def test_with_nothing_but_its_folder_every_forgotten_place_is_named(tree: Path) -> None:
    looked = guards(tree, "tests/contract/test_places.py")

    assert looked.returncode == 1, looked.stdout + looked.stderr
    for place in FILLED:
        assert f"{place}: {NAME}" in looked.stdout, place


def test_each_place_is_named_until_it_is_filled_and_again_when_the_service_is_gone(
    tree: Path,
) -> None:
    left = list(FILLED)
    assert places.forgotten(tree) == [f"{place}: {NAME}" for place in left]

    while left:
        FILLED[left.pop(0)](tree)
        assert places.forgotten(tree) == [f"{place}: {NAME}" for place in left]

    newcomer.answer_something(tree)
    assert places.forgotten(tree) == [f"deploy/gateway/Caddyfile: {NAME}"]
    (tree / "services" / NAME / "service.py").unlink()

    still_there = {place.rpartition(": ")[0] for place in places.strangers(tree)}
    assert still_there == set(FILLED) - {"tests/service"}


def test_with_every_place_filled_the_guards_are_green_and_the_service_works(tree: Path) -> None:
    for fill in FILLED.values():
        fill(tree)

    looked = guards(tree, *GUARDS)
    assert looked.returncode == 0, looked.stdout + looked.stderr
    rules = run(tree, Path(sys.executable).with_name("lint-imports"))
    assert rules.returncode == 0, rules.stdout + rules.stderr

    worked = run(tree, sys.executable, "-c", RUNS.replace("NAME", NAME))
    assert worked.returncode == 0, worked.stdout + worked.stderr
