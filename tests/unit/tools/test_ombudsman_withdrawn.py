"""The reference client trusts no key that the regency has withdrawn, whichever stream it reads that
on, and whoever shows it that key again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import OKPKey

from tests.unit.tools.regency import Regency

NEXT = OKPKey.generate_key("Ed25519")
JWK = {**NEXT.as_dict(private=False), "kid": NEXT.thumbprint()}
KID = str(JWK["kid"])
STREAMS = ("monitoring", "handovers")


@contextmanager
def stolen(regency: Regency) -> Iterator[None]:
    """Somebody in between signs, who has the next key."""
    key, kid = regency.key, regency.kid
    regency.key, regency.kid = NEXT, KID
    yield
    regency.key, regency.kid = key, kid


def page(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"events": list(entries), "cursor": str(entries[-1]["position"]), "more": False}


def is_trusted(kept: Any) -> bool:
    return KID in dict(kept.keys())


@pytest.fixture
def regency() -> Regency:
    """The next key is announced on both streams."""
    made = Regency()
    for stream in STREAMS:
        made.append(stream, type="feed.key.announced.v1", data={"key": JWK})
    return made


@pytest.fixture
def kept(regency: Regency, store: Any, tmp_path: Path) -> Any:
    made = store.Store(tmp_path)
    made.trust(regency.keys()["keys"])
    return made


@pytest.fixture
def followed(regency: Regency, kept: Any, following: Any) -> dict[str, Any]:
    """Both streams, as far as the announcement."""
    both = {stream: following.Followed(kept, stream) for stream in STREAMS}
    for stream, one in both.items():
        one.keep(page(*regency.entries[stream]))
    assert is_trusted(kept)
    return both


def withdrawn(regency: Regency, stream: str = "monitoring") -> dict[str, Any]:
    return regency.append(stream, type="feed.key.withdrawn.v1", data={"kid": KID})


@pytest.mark.parametrize("stream", STREAMS)
def test_what_is_read_on_one_stream_holds_on_the_other_too(
    regency: Regency, kept: Any, followed: dict[str, Any], following: Any, stream: str
) -> None:
    followed["monitoring"].keep(page(withdrawn(regency)))
    assert not is_trusted(kept)

    with stolen(regency):
        forged = regency.append(stream)
    with pytest.raises(following.Broken, match=r"does not hold \(key\)"):
        followed[stream].keep(page(forged))
    assert followed[stream].chain.position == forged["position"] - 1


def test_before_it_was_withdrawn_it_might_have_signed(
    regency: Regency, followed: dict[str, Any]
) -> None:
    """The negative control."""
    with stolen(regency):
        forged = regency.append("handovers")

    assert followed["handovers"].keep(page(forged)) == [forged]


def test_no_pulse_by_it_is_believed(regency: Regency, followed: dict[str, Any]) -> None:
    """Whoever holds a stream back, and has the key, could say that it still ends so."""
    with stolen(regency):
        pulse = regency.beat("handovers")
    assert followed["handovers"].chain.bears_out(pulse)

    followed["monitoring"].keep(page(withdrawn(regency)))
    followed["handovers"].keep({"events": [], "cursor": "1", "more": False})

    assert not followed["handovers"].chain.bears_out(pulse)


def test_it_stays_so_after_a_start_and_however_it_is_shown_again(
    regency: Regency,
    kept: Any,
    followed: dict[str, Any],
    following: Any,
    own: Callable[[str], Any],
) -> None:
    followed["monitoring"].keep(page(withdrawn(regency)))
    assert own("pinning").new_keys([JWK], kept) == []
    kept.trust([JWK])
    for stream in STREAMS:
        following.Followed(kept, stream)
    assert not is_trusted(kept)

    (kept.folder / "keys.json").unlink()  # somebody pins all anew
    kept.trust([*regency.keys()["keys"], JWK])
    following.Followed(kept, "monitoring")
    assert not is_trusted(kept)


def test_of_a_page_that_does_not_hold_nothing_is_withdrawn(
    regency: Regency, kept: Any, followed: dict[str, Any], following: Any
) -> None:
    good = withdrawn(regency)
    with pytest.raises(following.Broken):
        followed["monitoring"].keep(page(good, regency.append() | {"hash": "00"}))

    assert is_trusted(kept)
    assert followed["monitoring"].chain.withdrawn == []
