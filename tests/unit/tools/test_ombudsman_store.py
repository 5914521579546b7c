"""What the reference client does with a page depends on the page, however much it has already."""

from __future__ import annotations

import json
import os
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.unit.tools.regency import Regency

HEAP, PAGE = 20_000, 2000


def memory(followed: Any, page: dict[str, Any]) -> int:
    """The bytes that are needed at most while a page is kept."""
    tracemalloc.start()
    try:
        followed.keep(page)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_page_costs_as_much_after_twenty_thousand_entries_as_at_the_beginning(
    store: Any, following: Any, tmp_path: Path
) -> None:
    """Bytes are counted, not seconds: a copy of all that was read would be some of a megabyte."""
    regency, kept = Regency(), store.Store(tmp_path)
    kept.trust(regency.keys()["keys"])
    followed = following.Followed(kept, "monitoring")
    first = memory(followed, regency.page(10))
    for _ in range(HEAP // PAGE):
        followed.keep(regency.page(PAGE))

    last = memory(followed, regency.page(10))

    assert followed.chain.position == HEAP + 20
    assert last < first + 150_000


def test_what_was_kept_is_known_again_and_a_page_that_breaks_leaves_nothing(
    store: Any, following: Any, tmp_path: Path
) -> None:
    regency, kept = Regency(), store.Store(tmp_path)
    kept.trust(regency.keys()["keys"])
    first, second = regency.page(30), regency.page(30)
    following.Followed(kept, "monitoring").keep(first)
    followed = following.Followed(kept, "monitoring")
    broken = json.loads(json.dumps(second))
    broken["events"][20]["subject"] = "z"

    with pytest.raises(Exception, match=r"entry 51 does not hold \(hash\)"):
        followed.keep(broken)
    assert followed.chain.position == 30

    assert followed.keep(first) == []
    assert followed.keep(second) == second["events"]
    assert followed.chain.hash_at(1) == first["events"][0]["hash"]
    assert followed.chain.hash_at(60) == second["events"][-1]["hash"]


SUBJECTS = [
    "../answers/msg_0123456789abcdef", "../dossiers/KTB-12345-67890", "", ".", "..", "/etc/passwd",
    "ktb-12345-67890", "KTB-12345-67890\n", "KTB-12345-67890/..", "KTB-\u0661\u0662345-67890",
    "KTB-12345-6789", "K-12345-67890", "KTB-12345-67890?x", None, 7, ["KTB-12345-67890"],
]  # fmt: skip


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_hand_over_of_what_is_no_number_is_not_taken(
    store: Any, following: Any, tmp_path: Path, subject: object
) -> None:
    regency, kept = Regency(), store.Store(tmp_path)
    kept.trust(regency.keys()["keys"])
    entry = regency.append("handovers", type="feed.case.handed_over.v1", subject=subject)
    followed = following.Followed(kept, "handovers")

    with pytest.raises(following.Broken, match=r"handovers: entry 1 does not hold \(subject\)"):
        followed.keep({"events": [entry], "cursor": "1", "more": False})

    assert list(kept.entries("handovers")) == []


NAMES = [
    "../x.json", "dossiers/../x.json", "dossiers/../answers/x.json", "answers/./../../x", "/x.json",
    "dossiers/x/y.json", "evidence/..", "..", "", "other/x.json",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_no_name_leads_out_of_its_folder(store: Any, tmp_path: Path, name: str) -> None:
    kept = store.Store(tmp_path / "state")
    for use in (kept.read, kept.remove, kept.cut, lambda n: kept.write(n, {})):
        with pytest.raises(store.Strange):
            use(name)


def test_a_link_among_the_dossiers_leads_nowhere(store: Any, tmp_path: Path) -> None:
    kept = store.Store(tmp_path / "state")
    (tmp_path / "state" / "dossiers" / "x.json").symlink_to(tmp_path / "secret")

    with pytest.raises(store.Strange):
        kept.read("dossiers/x.json")


def test_what_cannot_be_spelled_is_kept_as_evidence(store: Any, tmp_path: Path) -> None:
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    kept = store.Store(tmp_path)

    half, nested = kept.evidence("x", page="\ud800"), kept.evidence("x", entries=[7], page=deep)

    assert json.loads(half.read_text())["page"] == "\ud800"
    left_out = "nested too deeply to be written: page"
    assert json.loads(nested.read_text()) == {"entries": [7], "left_out": left_out}


def test_what_cannot_be_spelled_leaves_a_document_as_it_was(store: Any, tmp_path: Path) -> None:
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    kept = store.Store(tmp_path)
    kept.write("config.json", {"url": "x"})

    with pytest.raises(store.Strange, match=r"config\.json is not written"):
        kept.write("config.json", {"url": "y", "more": deep})

    assert kept.read("config.json") == {"url": "x"}
    assert not list(tmp_path.glob("*.new"))


def test_two_programs_write_one_document_without_harm(store: Any, tmp_path: Path) -> None:
    """The file that the other is writing has another name."""
    kept, other = store.Store(tmp_path), tmp_path / "config.json.1.new"
    other.write_text("half")
    kept.write("config.json", {"url": "x"})

    assert other.read_text() == "half"
    os.utime(other, (0, 0))
    with kept.alone():
        assert not other.exists(), "what nobody goes on with may hold who a reporter is"
    assert kept.read("config.json") == {"url": "x"}


def test_a_key_is_named_by_its_thumbprint_alone(store: Any, following: Any, tmp_path: Path) -> None:
    """The key, its thumbprint and its JWK are those of RFC 8037, appendix A."""
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    right = {**jwk, "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"}
    kept = store.Store(tmp_path)
    kept.trust([right])
    assert list(kept.keys()) == [right["kid"]]

    (tmp_path / "keys.json").write_text(json.dumps({"keys": [{**jwk, "kid": "another"}]}))
    with pytest.raises(following.Broken, match=r"key another does not hold \(thumbprint\)"):
        kept.keys()


def test_a_key_that_is_announced_under_another_name_is_not_trusted(
    store: Any, following: Any, tmp_path: Path
) -> None:
    regency, stranger, kept = Regency(), Regency(), store.Store(tmp_path)
    kept.trust(regency.keys()["keys"])
    [jwk] = stranger.keys()["keys"]
    told = {"key": {**jwk, "kid": "another"}}
    entry = regency.append(type="feed.key.announced.v1", data=told)

    with pytest.raises(following.Broken, match=r"entry 1 does not hold \(thumbprint\)"):
        following.Followed(kept, "monitoring").keep(
            {"events": [entry], "cursor": "1", "more": False}
        )


@pytest.mark.parametrize("other", [{"position": 1.0}, {"epoch": 1.0}, {"position": True}])
def test_a_number_in_another_form_than_was_signed_is_not_taken(
    store: Any, following: Any, tmp_path: Path, other: dict[str, Any]
) -> None:
    """1.0 has the signature of 1, and breaks what counts with it."""
    regency, kept = Regency(), store.Store(tmp_path)
    kept.trust(regency.keys()["keys"])

    page = {"events": [regency.append() | other], "cursor": "1", "more": False}
    with pytest.raises(following.Broken):
        following.Followed(kept, "monitoring").keep(page)


TIMES: list[tuple[Any, bool]] = [
    ("2020-01-04T02:00:00Z", True), ("2027-01-01T01:59:59Z", True), ("2027-01-01T02:00:01Z", False),
    ("2027-01-01T08:59:59+07:00", True), ("2027-01-01T09:00:01.5+07:00", False),
    ("2027-02-01T00:00:00Z", False), (None, True), (7, True), ("yesterday", True),
]  # fmt: skip


@pytest.mark.parametrize(("time", "old"), TIMES)
def test_old_is_what_is_so_long_before_our_clock(
    own: Callable[[str], Any], time: Any, old: bool
) -> None:
    now = datetime(2027, 1, 4, 2, tzinfo=UTC)

    assert own("pulses").is_old(time, now.timestamp(), 3 * 86400) is old
