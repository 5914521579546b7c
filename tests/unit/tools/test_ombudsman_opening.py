"""What stayed sealed is opened by the reference client once the right key is there, without the
network: the regency may have erased its own copy meanwhile."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from joserfc.jwk import ECKey

from tests.harness.outside import Outside
from tests.unit.tools.regency import Regency
from tests.unit.tools.test_ombudsman_hostile import NUMBER, dossier, envelope, enveloped, part

pytestmark = pytest.mark.fault

OTHER = "KTB-23456-78901"
ALL_OPEN = f"dossier {NUMBER}: 1 of 1 sealed parts are open\n"


@pytest.fixture
def sealed(regency: Regency, outside: Outside) -> Outside:
    """An office whose folder holds a dossier that another key was tried on, and whose regency is
    gone."""
    regency.hand_over(NUMBER, dossier(part(envelope(outside, text="a"))))
    told = Path(outside.read("config.json")["opening_key"])
    told.rename(told.with_name("stick.json"))
    told.write_text(private("another"))
    assert outside.run("follow", "--once") == 0, outside.said
    config = outside.read("config.json") | {"url": "http://127.0.0.1:1"}
    (outside.folder / "config.json").write_text(json.dumps(config))
    return outside


@pytest.fixture
def right(sealed: Outside) -> Path:
    """The key that opens it, where `init` was not told."""
    return Path(sealed.read("config.json")["opening_key"]).with_name("stick.json")


def private(kid: str) -> str:
    return json.dumps(ECKey.generate_key("P-256", {"kid": kid}).as_dict(private=True))


def opened(outside: Outside) -> object:
    [one] = outside.read(f"dossiers/{NUMBER}.json")["opened"]
    return one.get("opened")


@pytest.mark.parametrize("numbers", [(), (NUMBER,)])
def test_what_is_kept_is_opened_by_the_key_that_is_named(
    sealed: Outside, right: Path, numbers: tuple[str, ...]
) -> None:
    assert opened(sealed) is None

    assert sealed.run("open", "--opening-key", right, *numbers) == 0

    assert sealed.said == ALL_OPEN
    assert opened(sealed) == {"text": "a"}
    assert sealed.run("verify") == 0, sealed.said


def test_the_key_that_init_was_told_of_needs_no_name(sealed: Outside, right: Path) -> None:
    right.rename(sealed.read("config.json")["opening_key"])

    assert sealed.run("open") == 0

    assert opened(sealed) == {"text": "a"}


def test_what_a_key_does_not_open_is_told_and_what_another_opened_stays_so(
    sealed: Outside, right: Path
) -> None:
    assert sealed.run("open") == 1
    assert f"dossier {NUMBER}: its part report stays sealed" in sealed.said
    assert f"dossier {NUMBER}: 0 of 1 sealed parts are open" in sealed.said
    assert sealed.run("open", "--opening-key", right) == 0

    assert sealed.run("open") == 0

    assert sealed.said == ALL_OPEN
    assert opened(sealed) == {"text": "a"}


def test_a_dossier_that_is_not_kept_is_named(sealed: Outside, right: Path) -> None:
    assert sealed.run("open", "--opening-key", right, OTHER) == 1

    assert sealed.said == f"no dossier of {OTHER} is kept here: `follow` first\n"


def test_who_has_told_of_no_key_is_asked_for_one(sealed: Outside) -> None:
    config = sealed.read("config.json")
    del config["opening_key"]
    (sealed.folder / "config.json").write_text(json.dumps(config))

    assert sealed.run("open") == 1

    assert sealed.said == "`init` was told no opening key: name one with --opening-key\n"


def lists(depth: int) -> str:
    """An object around so many lists."""
    return '{"x": ' + "[" * depth + "]" * depth + "}"


@pytest.mark.parametrize("depth", [100, 984, 5000])
def test_what_is_inside_nested_too_deeply_stays_sealed_and_nothing_is_lost(
    regency: Regency, outside: Outside, depth: int
) -> None:
    """Of an opened part that can be written no more nothing could be; the regency may erase its
    own."""
    sealed = [part(enveloped(outside, lists(depth))), part(envelope(outside, text="a"))]
    regency.hand_over(NUMBER, dossier(*sealed))
    stays = f"dossier {NUMBER}: its part report stays sealed (ValueError: what is inside is nested"

    for command in (("follow", "--once"), ("open",)):
        assert outside.run(*command) == (command[0] == "open")

        assert stays in outside.said
        kept = outside.read(f"dossiers/{NUMBER}.json")
        assert (kept["sealed"], kept["dossier"]) == (sealed, dossier(*sealed)["dossier"])
        assert [one.get("opened") for one in kept["opened"]] == [None, {"text": "a"}]
    assert outside.run("verify") == 0, outside.said


def test_what_is_inside_may_be_nested_a_hundred_deep(regency: Regency, outside: Outside) -> None:
    """The control."""
    regency.hand_over(NUMBER, dossier(part(enveloped(outside, lists(99)))))

    assert outside.run("follow", "--once") == 0, outside.said

    assert opened(outside) == json.loads(lists(99))
