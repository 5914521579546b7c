"""What an operator can tell escalation to do, as the commands are really run."""

import subprocess
import sys
from collections.abc import Callable

import pytest

from deploy.local.environment import ROOT, Surroundings
from services.escalation import feed
from tests.service.escalation.tower import NUMBER, Tower

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(bare_tower: Tower, surroundings: Surroundings) -> Run:
    environment = surroundings.environment("escalation", DATABASE_URL=bare_tower.database.url)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "services.escalation", *words]
        return subprocess.run(
            command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60,
            check=False,
        )  # fmt: skip

    return run


def test_seeding_shows_what_it_imports_and_may_be_repeated(run: Run, bare_tower: Tower) -> None:
    first, second = run("seed"), run("seed")

    assert (first.returncode, second.returncode) == (0, 0), first.stderr
    assert first.stdout.count("added") == 6
    assert "not decreed yet" in first.stdout
    assert second.stdout == ""
    assert bare_tower.count("SELECT count(*) FROM calendar_year") == 6


def test_verify_feed_says_how_far_it_holds(run: Run, bare_tower: Tower) -> None:
    with bare_tower.db.begin() as tx:
        for n in range(3):
            now = bare_tower.clock.now()
            feed.write(tx, "monitoring", "feed.breach.opened.v1", NUMBER, {"n": n}, now)
    bare_tower.append()
    good = run("verify-feed")
    assert (good.returncode, good.stdout) == (
        0,
        "monitoring: 3 entries hold\nhandovers: 0 entries hold\n",
    )

    bare_tower.database.psql("ALTER TABLE feed_entry DISABLE TRIGGER append_only")
    bare_tower.database.psql("""UPDATE feed_entry SET entry = entry || '{"subject": "x"}'""")
    bad = run("verify-feed")
    assert (bad.returncode, bad.stdout) == (
        1,
        "monitoring: broken at 1 (hash)\nhandovers: 0 entries hold\n",
    )


def test_releasing_the_breaker_names_who_did_it(run: Run, bare_tower: Tower) -> None:
    assert run("release-breaker", "kepala.diskominfo").returncode == 0

    found = bare_tower.database.psql("SELECT released_by, released_through FROM breaker")
    assert found[0][0] == "kepala.diskominfo"
    assert found[0][1] is not None


def test_a_release_without_a_name_is_refused(run: Run) -> None:
    assert run("release-breaker").returncode == 2
