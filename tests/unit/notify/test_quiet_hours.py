"""Nobody is woken by what can wait until the morning, and nothing else waits."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from services.notify import domain
from services.notify.domain import About, Quiet

WITA = ZoneInfo("Asia/Makassar")
NIGHT = Quiet(21, 6)


def at(time: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-10 {time}").replace(tzinfo=WITA)


@pytest.mark.parametrize(
    ("time", "hours", "minutes"),
    [
        ("20:59:59", 0, 0),
        ("21:00:00", 9, 0),
        ("23:30:00", 6, 30),
        ("00:00:00", 6, 0),
        ("05:59:00", 0, 1),
        ("06:00:00", 0, 0),
        ("12:00:00", 0, 0),
    ],
)
def test_it_is_quiet_until_the_morning(time: str, hours: int, minutes: int) -> None:
    left = timedelta(hours=hours, minutes=minutes)

    assert NIGHT.left(at(time)) == left
    assert not left or NIGHT.left(at(time) + left) == timedelta()


@pytest.mark.parametrize(
    ("quiet", "time", "hours"),
    [
        (Quiet(0, 6), "23:59:59", 0),
        (Quiet(0, 6), "00:00:00", 6),
        (Quiet(12, 14), "13:00:00", 1),
        (Quiet(12, 14), "14:00:00", 0),
        (Quiet(7, 7), "07:00:00", 0),  # from an hour to itself: never
    ],
)
def test_any_two_hours_can_be_the_night(quiet: Quiet, time: str, hours: int) -> None:
    assert quiet.left(at(time)) == timedelta(hours=hours)


@pytest.mark.parametrize("news", About)
def test_only_what_a_clock_brings_about_can_wait(news: About) -> None:
    waits = news.startswith(("deadline_", "escalation_", "post_"))

    assert (domain.wait(news, at("23:00:00"), NIGHT) > timedelta()) is waits
    assert domain.wait(news, at("23:00:00"), None) == timedelta()
