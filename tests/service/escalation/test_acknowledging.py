"""The Ombudsman says how far it has the feed; if it has another feed than ours, we are alarmed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY

from services.escalation.watch import watching
from tests.service.escalation.reader import Reader, place
from tests.service.escalation.tower import Tower


def measured(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, {"stream": "monitoring", **labels}) or 0.0


def lag(tower: Tower) -> tuple[float, float]:
    """What an operator sees: entries and seconds not acknowledged."""
    with tower.db.begin() as tx:
        watching.show_what_is_late(tx, tower.clock.now())
    name = "lapor_escalation_feed_unacknowledged"
    return measured(name), measured(f"{name}_seconds")


def forks(how: str) -> float:
    return measured("lapor_escalation_feed_forks_total", how=how)


def read(reader: Reader, count: int) -> tuple[str, str]:
    """The cursor after so many entries, and the hash of the last."""
    page = reader.get(limit=count)
    return page["cursor"], page["events"][-1]["hash"]


def test_what_is_acknowledged_does_not_count_as_behind(bare_tower: Tower, reader: Reader) -> None:
    bare_tower.write(3)
    bare_tower.clock.at += timedelta(seconds=60)
    bare_tower.write(2)
    bare_tower.clock.at += timedelta(seconds=10)
    assert lag(bare_tower) == (5, 70)

    assert reader.acknowledge(*read(reader, 3)).status_code == 200
    assert lag(bare_tower) == (2, 10)

    reader.acknowledge(*read(reader, 5))
    assert lag(bare_tower) == (0, 0)


def test_an_acknowledgement_repeated_is_answered_alike(bare_tower: Tower, reader: Reader) -> None:
    bare_tower.write(3)
    told = read(reader, 3)
    first = reader.acknowledge(*told)
    bare_tower.clock.at += timedelta(hours=1)

    assert reader.acknowledge(*told).json == first.json
    assert first.json == {
        "stream": "monitoring", "epoch": 1, "position": 3, "at": "2026-11-02T02:00:00+00:00",
    }  # fmt: skip


def test_it_does_not_go_back(bare_tower: Tower, reader: Reader) -> None:
    bare_tower.write(3)
    before = read(reader, 2)
    reader.acknowledge(*read(reader, 3))

    answer = reader.acknowledge(*before)

    assert (answer.status_code, answer.json["code"]) == (409, "acknowledged_further")
    assert lag(bare_tower)[0] == 0


def test_another_hash_at_one_place_is_a_fork_and_alarms(bare_tower: Tower, reader: Reader) -> None:
    bare_tower.write(3)
    cursor, hash = read(reader, 3)
    before = forks("forked")

    answer = reader.acknowledge(cursor, "ab" * 32)

    assert (answer.status_code, answer.json["code"]) == (409, "forked")
    assert forks("forked") == before + 1
    assert lag(bare_tower)[0] == 3
    assert reader.acknowledge(cursor, hash).status_code == 200


def test_who_has_read_further_than_we_go_alarms(bare_tower: Tower, reader: Reader) -> None:
    bare_tower.write(3)
    before = forks("ahead")

    answer = reader.acknowledge(place("monitoring:1:4"), "ab" * 32)

    assert (answer.status_code, answer.json["code"]) == (409, "ahead")
    assert forks("ahead") == before + 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"cursor": place("monitoring:1:0")}, "cursor"),
        ({"cursor": place("handovers:1:1")}, "cursor"),
        ({"cursor": "?"}, "cursor"),
        ({"cursor": ""}, "cursor"),
        ({"hash": "AB" * 32}, "hash"),
        ({"hash": "ab" * 31}, "hash"),
        ({"hash": "ab" * 32 + "\n"}, "hash"),
        ({"stream": "other"}, "stream"),
        ({"more": 1}, "more"),
    ],
)
def test_what_is_said_wrongly_is_refused_by_name(
    bare_tower: Tower, reader: Reader, change: dict[str, Any], field: str
) -> None:
    bare_tower.write(1)
    cursor, hash = read(reader, 1)
    body = {"stream": "monitoring", "cursor": cursor, "hash": hash} | change

    answer = reader.post("/v1/ombudsman/acknowledgements", body)

    assert answer.status_code == 422, answer.json
    assert [error["field"] for error in answer.json["errors"]] == [field]


def test_nobody_else_acknowledges(bare_tower: Tower, reader: Reader) -> None:
    bare_tower.write(1)
    told = read(reader, 1)
    reader.headers = {}

    assert reader.acknowledge(*told).status_code == 401
    assert bare_tower.count("SELECT count(*) FROM feed_acknowledgement") == 0
