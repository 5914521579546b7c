"""Nothing starts beside a database whose reporters' codes would not work any more."""

import secrets
import subprocess
from pathlib import Path

import pytest

from deploy.local.environment import Surroundings
from tests.harness.programs import run_command


@pytest.fixture
def seeded(databases, surroundings: Surroundings, tmp_path: Path):
    """`seeded(pepper)`: what `python -m services.intake seed` says of a new database."""
    made = databases.fresh("intake")

    def seed(pepper: str) -> subprocess.CompletedProcess[str]:
        file = tmp_path / "tracking-pepper"
        file.write_text(pepper)
        told = surroundings.environment(
            "intake", DATABASE_URL=made.url, TRACKING_PEPPER_FILE=str(file)
        )
        return run_command("intake", "seed", env=told)

    yield seed
    databases.drop(made)


def test_another_pepper_than_before_is_refused_and_changes_nothing(seeded):
    ours, another = secrets.token_urlsafe(32), secrets.token_urlsafe(32)

    assert [seeded(ours).returncode for _ in range(2)] == [0, 0]
    refused = seeded(another)

    assert refused.returncode == 1
    assert "TRACKING_PEPPER" in refused.stderr
    assert ours not in refused.stderr
    assert another not in refused.stderr
    assert seeded(ours).returncode == 0
