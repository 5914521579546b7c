"""The paper of a dossier says all that its JSON says: nothing is added there and forgotten here."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pypdf
import pytest
from falcon import testing

import contracts
from chassis.clock import Clock
from services.escalation import api
from services.escalation.ombudsman import dossier, paper
from tests.service.escalation.test_dossiers import consent
from tests.service.escalation.tower import NUMBER, Tower

Place = tuple[str | int, ...]
ADDRESS = f"/v1/ombudsman/dossiers/{NUMBER}"
SEALED = ("sealed",)  # never printed; whether it is there is


def rich(tower: Tower) -> None:
    """A case in whose dossier no list is empty and as little as can be is not known."""
    tower.at("2026-12-14 10:00").open()
    tower.hear("case.verified.v1", **{"class": "ordinary"}, kind="complaint")
    tower.dispose(supporting=["dlh", "dishub"])
    tower.at("2026-12-15 10:00").hear("case.data_requested.v1", awaited_from="unverified")
    tower.at("2026-12-16 10:00").hear("case.resumed.v1", status="in_progress", cycle=1)
    evidence = ["a0" * 32]
    tower.hear("case.followed_up.v1", agency="dpupr", first=True, cycle=1, evidence=evidence)
    consent(tower)
    tower.at("2027-01-20 10:00").sweep()
    tower.append()


def told(tower: Tower, secrets: Path) -> dict[str, Any]:
    """What the Ombudsman reads as data, with every kind of event that a history may hold."""
    key = (secrets / "ombudsman-bearer-key").read_text().strip()
    client = testing.TestClient(api.app(tower.settings, tower.db, Clock()))
    answer: dict[str, Any] = client.simulate_get(
        ADDRESS, headers={"Authorization": f"Bearer {key}"}
    ).json
    own = answer["dossier"]
    # As of a case that follows another: the same kinds of facts, its clocks by the day.
    own["handling"] = copy.deepcopy({
        "complete": True, "clocks": [by_the_day(clock) for clock in own["clocks"]],
        **{name: own[name] for name in ("history", "escalations", "evidence")},
    })  # fmt: skip
    answer["dossier"]["history"] += [
        {"at": "2026-12-20T02:00:00Z", "what": what, "detail": detail}
        for what, detail in events()
        if what != dossier.RAISED
    ]
    return answer


def by_the_day(clock: dict[str, Any]) -> dict[str, Any]:
    """As the clock of a case that others follow is told."""
    moments = [name for name in clock if name.endswith("_at")]
    days = {name.replace("_at", "_on"): clock[name] and clock[name][:10] for name in moments}
    pauses = [
        {n.replace("_at", "_on"): v and v[:10] if n.endswith("_at") else v for n, v in one.items()}
        for one in clock["pauses"]
    ]
    return {n: v for n, v in clock.items() if n not in moments} | days | {"pauses": pauses}


def events() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every kind, as contracts show it, and what no event tells; lists are not empty."""
    for what in dossier.KEPT:
        for one in contracts.examples(f"{what}.v1").values():
            detail = dossier.kept(what, one["data"])
            detail.pop(dossier.EVIDENCE, None)
            yield what, {n: ["dlh"] if v == [] else v for n, v in detail.items()}
    for what, names in dossier.OURS.items():
        yield what, dict.fromkeys(names, "x")


def leaves(value: Any, at: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Everything that stands in a document, by where it stands."""
    if isinstance(value, dict | list):
        names = value if isinstance(value, dict) else range(len(value))
        for name in names:
            yield from leaves(value[name], (*at, name))
    else:
        yield at, value


def put(document: dict[str, Any], at: Place, value: Any) -> None:
    inside: Any = document
    for name in at[:-1]:
        inside = inside[name]
    inside[at[-1]] = value


def marked(value: Any, at: Place, n: int, zone: ZoneInfo) -> tuple[Any, str]:
    """Another value of the kind that stands nowhere else, and how it is told."""
    name = next(name for name in reversed(at) if isinstance(name, str))
    if name == "at" or name.endswith("_at"):
        moment = datetime(2030, 1, 1, tzinfo=zone) + timedelta(seconds=n)
        return moment.isoformat(), f"{moment:%Y-%m-%d%H:%M:%S}"
    if isinstance(value, int):
        return 700_000 + n, str(700_000 + n)
    return f"Q{n:06}", f"Q{n:06}"


def is_code(at: Place, value: Any) -> bool:
    """Whether paper has a sentence for it, or no words but yes and no."""
    return isinstance(value, bool) or at[-1] == "what"


@pytest.fixture
def prints(tower: Tower) -> Callable[[dict[str, Any]], str]:
    def prints(shown: dict[str, Any]) -> str:
        made = paper.printed(shown, tower.settings.zone)
        return " ".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(made)).pages)

    return prints


def test_whatever_stands_in_a_dossier_stands_on_its_paper(
    tower: Tower, secrets_folder: Path, prints: Callable[[dict[str, Any]], str]
) -> None:
    rich(tower)
    shown, expected = told(tower, secrets_folder), {}
    for n, (at, value) in enumerate(list(leaves(shown))):
        if not is_code(at, value) and at[:1] != SEALED:
            other, expected[at] = marked(value, at, n, tower.settings.zone)
            put(shown, at, other)

    said = "".join(prints(shown).split())

    assert [at for at, words in expected.items() if words not in said] == []


def test_a_yes_is_told_from_a_no_on_paper(
    tower: Tower, secrets_folder: Path, prints: Callable[[dict[str, Any]], str]
) -> None:
    rich(tower)
    shown = told(tower, secrets_folder)
    flags = {at[-1]: (at, value) for at, value in leaves(shown) if isinstance(value, bool)}
    before = prints(shown)

    for at, value in flags.values():
        other = copy.deepcopy(shown)
        put(other, at, not value)
        assert prints(other) != before, at


def test_the_dossier_that_is_compared_has_something_in_every_list(
    tower: Tower, secrets_folder: Path
) -> None:
    """The control: of an empty list nothing can be forgotten."""
    rich(tower)
    shown = told(tower, secrets_folder)
    full = {tuple("" if isinstance(n, int) else n for n in at) for at, _ in leaves(shown)}

    for kind in (
        ("parts", "", "sha256"), ("evidence", "", "sha256"), ("escalations", "", "level"),
        ("clocks", "", "pauses", "", "because"), ("clocks", "", "days", "", "basis"),
        ("clocks", "", "limit", "decree"), ("history", "", "detail", "supporting", ""),
    ):  # fmt: skip
        assert ("dossier", *kind) in full, kind
    assert {line["what"] for line in shown["dossier"]["history"]} == (
        (dossier.KEPT | dossier.OURS).keys() - {dossier.RAISED}
    )


def test_what_was_erased_is_said_on_paper(
    tower: Tower, secrets_folder: Path, prints: Callable[[dict[str, Any]], str]
) -> None:
    rich(tower)
    before = prints(told(tower, secrets_folder))
    assert "merged with another" in before
    assert "What was erased on" not in before
    assert "took the consent back" not in before

    tower.hear("case.withdrawn.v1")
    shown = prints(told(tower, secrets_folder))

    assert "What was erased on 2027-01-20 10:00:00 WITA cannot be opened any more" in " ".join(
        shown.split()
    )
    assert "took the consent back on 2027-01-20 10:00:00 WITA" in " ".join(shown.split())
    assert shown.count("dihapus\nerased") == 4
    assert before.count("tersimpan\nkept") == 4


def test_of_what_was_erased_in_part_each_part_is_said(
    tower: Tower, secrets_folder: Path, prints: Callable[[dict[str, Any]], str]
) -> None:
    rich(tower)
    shown = told(tower, secrets_folder)
    shown["erased_at"], shown["sealed"] = "2027-01-21T02:00:00Z", shown["sealed"][1:]

    said = prints(shown)

    assert (said.count("dihapus\nerased"), said.count("tersimpan\nkept")) == (1, 3)
