"""What an operator can tell escalation to do, as the commands are really run."""

import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.local.environment import Surroundings
from services.escalation.ombudsman import feed
from tests.harness.programs import run_command
from tests.harness.time import MovedClock
from tests.service.escalation.tower import NUMBER, Tower, local

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(bare_tower: Tower, surroundings: Surroundings, tmp_path: Path) -> Run:
    """A command at the time of these tests, whatever the day on which they run."""
    clock = tmp_path / "clock"
    MovedClock(clock).set(local("2026-11-29 10:00") - datetime.now(UTC))
    told = {"DATABASE_URL": bare_tower.database.url, "CLOCK_FILE": str(clock)}
    environment = surroundings.environment("escalation", **told)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return run_command("escalation", *words, env=environment)

    return run


def test_seeding_shows_what_it_imports_and_may_be_repeated(run: Run, bare_tower: Tower) -> None:
    first, second = run("seed"), run("seed")

    assert (first.returncode, second.returncode) == (0, 0), first.stderr
    assert first.stdout.count("added") == 6
    assert "not decreed yet" in first.stdout
    assert second.stdout == ""
    assert bare_tower.count("SELECT count(*) FROM calendar_year") == 6


def test_seeding_again_shows_where_the_calendar_differs_and_leaves_that_to_somebody(
    run: Run, bare_tower: Tower
) -> None:
    run("seed")
    bare_tower.database.psql(
        "DELETE FROM calendar_day WHERE day = (SELECT min(day) FROM calendar_day)"
        " OR day >= (SELECT make_date(max(year), 1, 1) FROM calendar_year);"
        "DELETE FROM calendar_year WHERE year = (SELECT max(year) FROM calendar_year)"
    )
    left = bare_tower.count("SELECT count(*) FROM calendar_day")

    again = run("seed")

    assert again.returncode == 0, again.stderr
    assert again.stdout.count("added") == 1
    assert again.stdout.count("calendar differs, see import-calendar: + ") == 1
    added = bare_tower.count(
        "SELECT count(*) FROM calendar_day WHERE extract(year FROM day) ="
        " (SELECT max(year) FROM calendar_year)"
    )
    assert bare_tower.count("SELECT count(*) FROM calendar_day") == left + added
    assert bare_tower.database.psql("SELECT what, decided_as FROM amendment") == [
        ("import", "seed")
    ]


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


def test_the_feeds_key_is_changed_by_command(run: Run, bare_tower: Tower) -> None:
    bare_tower.write(1)
    again = run("introduce-feed-keys")
    assert (again.returncode, again.stdout) == (0, "nothing new\n")

    refused = run("switch-feed-key")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "no key of the file follows" in refused.stderr
    unknown = run("withdraw-feed-key", "another")
    assert (unknown.returncode, unknown.stderr) == (1, "not withdrawn: no such key was shown\n")


def test_an_epoch_is_opened_for_both_streams_by_somebody(run: Run, bare_tower: Tower) -> None:
    bare_tower.write(3)

    told = run("open-epoch", "kepala.diskominfo")

    assert told.returncode == 0, told.stderr
    *streams, waits = told.stdout.splitlines()
    assert [line.rpartition(" ")[2] for line in streams] == ["1:3", "1:0"]
    assert run("verify-feed").stdout == "monitoring: 4 entries hold\nhandovers: 1 entries hold\n"
    assert bare_tower.count("SELECT count(DISTINCT opened_by) FROM feed_epoch") == 1
    assert run("open-epoch").returncode == 2
    waiting = "SELECT reason, restored_at IS NOT NULL FROM breaker"
    assert bare_tower.database.psql(waiting) == [("restored", True)], waits
    assert run("release-breaker", "kepala.diskominfo").returncode == 0
    assert bare_tower.database.psql(waiting) == [(None, False)]


def test_releasing_the_breaker_names_who_did_it(run: Run, bare_tower: Tower) -> None:
    assert run("release-breaker", "kepala.diskominfo").returncode == 0

    found = bare_tower.database.psql("SELECT released_by, released_through FROM breaker")
    assert found[0][0] == "kepala.diskominfo"
    assert found[0][1] is not None


def test_a_release_without_a_name_is_refused(run: Run) -> None:
    assert run("release-breaker").returncode == 2


def test_what_if_shows_both_sides_and_changes_nothing(
    run: Run, bare_tower: Tower, tmp_path: Path
) -> None:
    bare_tower.plant()
    bare_tower.open()
    bare_tower.at("2026-11-10 10:00").sweep()
    version = bare_tower.count("SELECT version FROM regime")
    file = tmp_path / "longer.json"
    file.write_text('{"limits": [{"clock": "V", "days": 300, "unit": "working"}]}')

    told = run("what-if", str(file), "--numbers")
    for_machines = json.loads(run("what-if", str(file), "--json").stdout)

    assert told.returncode == 0, told.stderr
    assert "  V                                    1       0\n" in told.stdout
    assert told.stdout.endswith(f"newly late: 0\nno longer late: 1\n  {NUMBER}\n")
    assert for_machines["no_longer_late"] == [{"clock": "V", "agency": None, "count": 1}]
    assert "numbers" not in for_machines
    assert bare_tower.count("SELECT version FROM regime") == version
    assert bare_tower.clocks()["V1"] == "2026-11-05"


@pytest.mark.parametrize(
    ("document", "named"),
    [('{"limits": [{"clock": "V", "days": 0, "unit": "working"}]}', "limits.0.days: Must be"),
     ('{"limits": [', "JSON")],
)  # fmt: skip
def test_what_if_names_what_is_wrong_with_its_file(run: Run, tmp_path, document, named) -> None:
    file = tmp_path / "wrong.json"
    file.write_text(document)

    refused = run("what-if", str(file))

    assert refused.returncode == 2
    assert named in refused.stderr


def test_what_if_says_that_its_file_cannot_be_read(run: Run, tmp_path) -> None:
    for file, why in ((tmp_path / "none", "No such file"), (tmp_path, "Is a directory")):
        refused = run("what-if", str(file))

        assert refused.returncode == 2
        assert refused.stderr.startswith(f"{file} cannot be read: {why}")


def test_an_import_shows_the_difference_first_and_is_decided_by_somebody(
    run: Run, bare_tower: Tower
) -> None:
    run("seed")
    bare_tower.at("2026-11-02 10:00").open()
    bare_tower.database.psql(
        "DELETE FROM calendar_day WHERE day = '2026-12-25';"
        "INSERT INTO calendar_day VALUES ('2026-11-04', 'perkiraan', 'public', 'x', true);"
        "UPDATE calendar_day SET name = 'Natal' WHERE day = '2026-12-24'"
    )
    bare_tower.measure_stale()
    assert bare_tower.clocks()["V1"] == "2026-11-06"
    version = bare_tower.count("SELECT version FROM regime")
    decree = "SKB 3 Menteri 1497/2025, 2/2025, 5/2025"
    difference = [
        "- 2026-11-04 perkiraan (x)",
        f"~ 2026-12-24 Natal, joint_leave ({decree})"
        f" -> Cuti Bersama Hari Raya Natal, joint_leave ({decree})",
        f"+ 2026-12-25 Hari Raya Natal ({decree})",
        "open clocks with another end: 1",
    ]

    shown = run("import-calendar")
    nameless = run("import-calendar", "--apply")

    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.splitlines()[:-1] == difference
    assert nameless.returncode == 1
    assert bare_tower.count("SELECT version FROM regime") == version

    applied = run("import-calendar", "--apply", "--by", "kepala.diskominfo")
    bare_tower.measure_stale()

    assert applied.stdout.splitlines() == [*difference, "brought in"]
    assert bare_tower.clocks()["V1"] == "2026-11-05"
    kept = "SELECT what, decided_as, detail->'changed', decree FROM amendment"
    [(what, who, changed, decrees)] = bare_tower.database.psql(kept)
    assert (what, who, changed) == ("import", "kepala.diskominfo", difference[:-1])
    assert f"2026: {decree}" in decrees
    assert run("import-calendar").stdout == "nothing differs\n"
