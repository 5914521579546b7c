"""A process starts with its whole configuration or says what is missing, never what is secret."""

from dataclasses import dataclass

import pytest

import chassis.config
from chassis.config import Misconfigured, Secret


@dataclass(frozen=True, kw_only=True, repr=False)
class Settings(chassis.config.Settings):
    pepper: Secret
    limit: int = 3


@pytest.fixture
def environment(monkeypatch, tmp_path):
    (tmp_path / "pepper").write_text("s3cret" * 6 + "\n")
    told = {
        "LAPOR_ENV": "test",
        "DATABASE_URL": "postgresql+psycopg2://x:hidden@db/x",
        "PEPPER_FILE": str(tmp_path / "pepper"),
    }
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_what_is_told_is_read_once_and_whole(environment):
    environment.setenv("LIMIT", "7")
    settings = Settings.read("toy")

    assert (settings.pepper, settings.limit, settings.service) == (b"s3cret" * 6, 7, "toy")


def test_everything_that_is_missing_is_named_at_once(environment):
    environment.delenv("DATABASE_URL")
    environment.delenv("PEPPER_FILE")
    with pytest.raises(Misconfigured, match="set DATABASE_URL, PEPPER_FILE"):
        Settings.read("toy")


def test_a_value_that_cannot_be_used_is_named_without_being_shown(environment):
    environment.setenv("LIMIT", "hidden")
    with pytest.raises(Misconfigured, match="LIMIT") as refusal:
        Settings.read("toy")

    assert "hidden" not in str(refusal.value)


def test_a_secret_may_stand_in_a_file(environment, tmp_path):
    environment.delenv("DATABASE_URL")
    (tmp_path / "url").write_text("postgresql://from-a-file\n")
    environment.setenv("DATABASE_URL_FILE", str(tmp_path / "url"))

    assert Settings.read("toy").database_url == "postgresql://from-a-file"


@pytest.mark.parametrize("name", ["CLOCK_FILE", "FAILPOINTS"])
def test_production_has_no_movable_clock_and_no_failpoints(environment, name):
    environment.setenv("LAPOR_ENV", "production")
    environment.setenv(name, "/tmp/x")  # noqa: S108
    with pytest.raises(Misconfigured, match="refused in production"):
        Settings.read("toy")


def test_another_kind_of_run_does_not_exist(environment):
    environment.setenv("LAPOR_ENV", "prod")
    with pytest.raises(Misconfigured, match="LAPOR_ENV"):
        Settings.read("toy")


@pytest.mark.parametrize("length", [0, 31])
def test_a_secret_that_is_too_short_is_none(environment, tmp_path, length):
    (tmp_path / "pepper").write_text("x" * length)
    with pytest.raises(Misconfigured, match="PEPPER_FILE"):
        Settings.read("toy")


def test_a_configuration_shows_no_secret(environment):
    assert "hidden" not in repr(Settings.read("toy"))
    assert "s3cret" not in str(Settings.read("toy"))
