"""What the reference client does with a page depends on the page, however much it has already."""

from __future__ import annotations

import importlib
import json
import os
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.outside import PROGRAM
from tests.unit.tools.regency import Regency

MODULES = ("chain", "store", "telling")
HEAP, PAGE = 20_000, 2000


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The client's own code; it stands alone, and so do its modules' names."""
    monkeypatch.syspath_prepend(str(PROGRAM.parent))
    yield importlib.import_module("store")
    for name in MODULES:
        del sys.modules[name]


def memory(followed: Any, page: dict[str, Any]) -> int:
    """The bytes that are needed at most while a page is kept."""
    tracemalloc.start()
    try:
        followed.keep(page)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_page_costs_as_much_after_twenty_thousand_entries_as_at_the_beginning(
    store: Any, tmp_path: Path
) -> None:
    """Bytes are counted, not seconds: a copy of all that was read would be some of a megabyte."""
    regency, kept = Regency(), store.Store(tmp_path)
    kept.trust(regency.keys()["keys"])
    followed = store.Followed(kept, "monitoring")
    first = memory(followed, regency.page(10))
    for _ in range(HEAP // PAGE):
        followed.keep(regency.page(PAGE))

    last = memory(followed, regency.page(10))

    assert followed.chain.position == HEAP + 20
    assert last < first + 150_000


def test_what_was_kept_is_known_again_and_a_page_that_breaks_leaves_nothing(
    store: Any, tmp_path: Path
) -> None:
    regency, kept = Regency(), store.Store(tmp_path)
    kept.trust(regency.keys()["keys"])
    first, second = regency.page(30), regency.page(30)
    store.Followed(kept, "monitoring").keep(first)
    followed = store.Followed(kept, "monitoring")
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
    store: Any, tmp_path: Path, subject: object
) -> None:
    regency, kept = Regency(), store.Store(tmp_path)
    kept.trust(regency.keys()["keys"])
    entry = regency.append("handovers", type="feed.case.handed_over.v1", subject=subject)
    followed = store.Followed(kept, "handovers")

    with pytest.raises(store.Broken, match=r"handovers: entry 1 does not hold \(subject\)"):
        followed.keep({"events": [entry], "cursor": "1"})

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

    half, nested = kept.evidence("x", page="\ud800"), kept.evidence("x", check="y", page=deep)

    assert json.loads(half.read_text())["page"] == "\ud800"
    assert json.loads(nested.read_text())["check"] == "y"


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


def test_a_key_is_named_by_its_thumbprint_alone(store: Any, tmp_path: Path) -> None:
    """The key, its thumbprint and its JWK are those of RFC 8037, appendix A."""
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    right = {**jwk, "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"}
    kept = store.Store(tmp_path)
    kept.trust([right])
    assert list(kept.keys()) == [right["kid"]]

    (tmp_path / "keys.json").write_text(json.dumps({"keys": [{**jwk, "kid": "another"}]}))
    with pytest.raises(store.Broken, match=r"key another does not hold \(thumbprint\)"):
        kept.keys()


def test_a_key_that_is_announced_under_another_name_is_not_trusted(
    store: Any, tmp_path: Path
) -> None:
    regency, stranger, kept = Regency(), Regency(), store.Store(tmp_path)
    kept.trust(regency.keys()["keys"])
    [jwk] = stranger.keys()["keys"]
    told = {"key": {**jwk, "kid": "another"}}
    entry = regency.append(type="feed.key.announced.v1", data=told)

    with pytest.raises(store.Broken, match=r"entry 1 does not hold \(thumbprint\)"):
        store.Followed(kept, "monitoring").keep({"events": [entry], "cursor": "1"})


@pytest.mark.parametrize("other", [{"position": 1.0}, {"epoch": 1.0}, {"position": True}])
def test_a_number_in_another_form_than_was_signed_is_not_taken(
    store: Any, tmp_path: Path, other: dict[str, Any]
) -> None:
    """1.0 has the signature of 1, and breaks what counts with it."""
    regency, kept = Regency(), store.Store(tmp_path)
    kept.trust(regency.keys()["keys"])

    with pytest.raises(store.Broken):
        store.Followed(kept, "monitoring").keep(
            {"events": [regency.append() | other], "cursor": "1"}
        )
