"""A mailbox has room for so many mails in any hour; nobody is lost, and nobody overtakes."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notify import contacts, domain
from services.notify.domain import About
from services.notify.mailboxes import HOUR, Room
from services.notify.quiet import Quiet

WITA = ZoneInfo("Asia/Makassar")
NOON = datetime(2026, 12, 7, 4, tzinfo=UTC)
SITI, BUDI = "siti@surel-uji.example", "budi@surel-uji.example"
NIGHT = Quiet(21, 6)


def room(limit: int = 3, quiet: Quiet | None = None) -> Room:
    return Room(limit, quiet, WITA)


def most_in_an_hour(moments: list[datetime]) -> int:
    return max(sum(at <= other < at + HOUR for other in moments) for at in moments)


def test_what_has_room_goes_at_once_and_what_has_not_goes_an_hour_after_it() -> None:
    one = room()

    assert [one.take(SITI, NOON) for _ in range(3)] == [NOON] * 3
    assert NOON + HOUR < one.take(SITI, NOON) <= NOON + HOUR + HOUR / 3
    assert one.take(BUDI, NOON) == NOON
    assert one.take(SITI, NOON + 3 * HOUR) == NOON + 3 * HOUR


@given(
    st.lists(st.integers(0, 90), min_size=1, max_size=120),
    st.integers(1, 20),
    st.sampled_from([None, NIGHT, Quiet(0, 6), Quiet(12, 14)]),
)
def test_no_hour_has_more_than_the_limit_and_who_came_first_goes_first(
    minutes: list[int], limit: int, quiet: Quiet | None
) -> None:
    one, now, given_to = room(limit, quiet), NOON, list[datetime]()

    for passed in minutes:
        now += timedelta(minutes=passed)
        given_to.append(one.take(SITI, now))
        assert given_to[-1] >= now
        assert given_to[-1] == now or not quiet or not quiet.left(given_to[-1].astimezone(WITA))

    assert given_to == sorted(given_to)
    assert most_in_an_hour(given_to) <= limit


def test_a_flood_is_spread_over_as_many_hours_as_it_needs_and_hardly_more() -> None:
    one = room(20)

    flood = [one.take(SITI, NOON) for _ in range(2000)]

    assert 99 * HOUR < flood[-1] - NOON < 115 * HOUR
    waiting = flood[20:]
    assert len(set(waiting)) == len(waiting)


def test_what_follows_a_moment_comes_after_it() -> None:
    assert room().take(SITI, NOON, after=NOON + 5 * HOUR) > NOON + 5 * HOUR


def test_what_waits_already_is_counted() -> None:
    one = room()
    one.count(SITI, NOON + 2 * HOUR)

    assert one.take(SITI, NOON) > NOON + 2 * HOUR
    assert one.take(BUDI, NOON) == NOON


def test_what_came_to_nothing_takes_no_room() -> None:
    one = room()
    assert one.take(SITI, NOON) == NOON
    one.kept()
    for _ in range(50):
        one.take(SITI, NOON)
        one.take(SITI, NOON)
        one.take(BUDI, NOON)
        one.undo()

    assert [one.take(SITI, NOON) for _ in range(2)] == [NOON] * 2
    assert one.take(SITI, NOON) > NOON
    assert one.take(BUDI, NOON) == NOON


def test_nobody_can_foresee_who_goes_first_in_the_morning() -> None:
    one, evening = room(limit=1, quiet=NIGHT), NOON + timedelta(hours=8, minutes=30)
    people = [f"{n}@surel-uji.example" for n in range(9)]
    assert {one.take(person, evening) for person in people} == {evening}

    assert len({one.take(person, evening) for person in people}) > 5  # of a thousand: two may meet


def test_who_has_all_the_room_again_is_forgotten() -> None:
    one = room()
    for n in range(50):
        one.take(f"{n}@surel-uji.example", NOON)
    assert len(one._given) == 50

    one.take(SITI, NOON + 2 * HOUR)
    assert len(one._given) == 1


def test_nobody_waits_for_a_moment_that_a_wrong_clock_gave() -> None:
    one = room()
    year = timedelta(days=365)
    for _ in range(5):
        one.take(SITI, NOON + year)

    assert one.take(SITI, NOON) == NOON


def test_no_address_is_kept_and_each_process_knows_it_by_another_name() -> None:
    one, other = room(), room()
    one.take(SITI, NOON)
    other.take(SITI, NOON)

    assert "siti" not in str(vars(one))
    assert set(one._given).isdisjoint(other._given)


@pytest.mark.parametrize("name", ["Siti", "SITI", "siti+1", "siti+a+b"])
@pytest.mark.parametrize("domain", ["surel-uji.example", "Surel-Uji.EXAMPLE"])
def test_a_mailbox_is_one_however_it_is_spelled(name: str, domain: str) -> None:
    assert contacts.mailbox(f"{name}@{domain}") == SITI


@pytest.mark.parametrize("address", ["s.iti@surel-uji.example", "siti-1@surel-uji.example"])
def test_what_only_some_providers_read_as_one_is_several(address: str) -> None:
    assert contacts.mailbox(address) != SITI


def test_an_address_that_begins_with_a_tag_is_somebody() -> None:
    assert contacts.mailbox("+siti@surel-uji.example") == "+siti@surel-uji.example"


def test_of_every_news_it_is_known_whether_it_takes_an_officer() -> None:
    by_officers = {
        About.VERIFIED, About.DISPOSED, About.RETURNED, About.DATA_REQUESTED,
        About.DATA_REQUEST_CANCELLED, About.FOLLOWED_UP, About.ANSWERED, About.FORWARDED,
        About.RECLASSIFIED, About.MERGED, About.PROTECTED, About.DEADLINE_KEPT,
        About.OMBUDSMAN_ANSWERED, About.REASSIGNED, About.RECALLED,
        About.WORD_RELAYED,
        About.HANDED_UP,
    }  # fmt: skip
    after_an_officer = {  # once for each answer, question or archiving
        About.RESUMED, About.OBJECTED, About.CLOSED, About.REOPENED, About.ARCHIVED,
        About.DEADLINE_APPROACHING,
    }  # fmt: skip

    assert set(About) - domain.OF_POSTS - domain.UNPROMPTED == by_officers | after_an_officer
    assert not domain.UNPROMPTED & (by_officers | after_an_officer | domain.OF_POSTS)
