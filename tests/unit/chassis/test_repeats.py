"""Of a thing that happens again and again, some have their own record and the rest are counted."""

from datetime import UTC, datetime, timedelta

from chassis.repeats import MOST, Repeats

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


def test_the_first_of_a_minute_have_their_own_record_and_the_next_minute_brings_the_rest():
    repeats = Repeats()
    alone = [repeats.count("a", NOON + timedelta(seconds=s))[0] for s in range(MOST + 3)]
    after = repeats.count("b", NOON + timedelta(minutes=1))

    assert alone == [True] * MOST + [False] * 3
    assert after == (True, [("a", 3)])
    assert repeats.count("a", NOON + timedelta(minutes=2)) == (True, [])


def test_each_kind_is_counted_for_itself_and_few_are_told_once():
    repeats = Repeats()
    for _ in range(MOST):
        assert repeats.count("a", NOON) == (True, [])

    assert repeats.count("b", NOON) == (True, [])
    assert repeats.count("a", NOON) == (False, [])
    assert repeats.count("b", NOON + timedelta(hours=1)) == (True, [("a", 1)])
