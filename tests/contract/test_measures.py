"""Alerts and dashboard ask only for what is measured; the runbook explains every alert."""

import re

import pytest

from tests.contract import measures
from tests.contract.measures import BY_TARGET, ROOT, THEIRS

RUNBOOK = ROOT / "docs" / "runbook.md"
KNOWN = measures.registered() | measures.recorded() | THEIRS
ALERTS = {rule["alert"]: rule for rule in measures.rules() if "alert" in rule}


@pytest.mark.parametrize(("where", "expression"), measures.expressions())
def test_an_expression_asks_only_for_what_is_measured(where: str, expression: str) -> None:
    asked = measures.asked(expression)

    assert asked or where == "Watchdog", f"{where} asks for nothing that this test can see"
    assert not asked - set(KNOWN), f"{where} asks for what nobody measures"


@pytest.mark.parametrize(("where", "expression"), measures.expressions())
def test_an_expression_names_only_labels_that_its_series_have(where: str, expression: str) -> None:
    there = BY_TARGET.union(*(KNOWN.get(name, frozenset()) for name in measures.asked(expression)))

    assert measures.labels_named(expression) <= there, where


def test_the_reader_of_expressions_sees_what_stands_in_one() -> None:
    expression = (
        'max by (a) (x{b="y"} offset 5m) - sum(rate(z_total{c=~"and|or"}[5m])) > 1 or absent(w:w)'
    )

    assert measures.asked(expression) == {"x", "z_total", "w:w"}
    assert measures.labels_named(expression) == {"a", "b", "c"}


def test_every_alert_says_how_urgent_it_is_and_where_it_is_explained() -> None:
    for name, rule in ALERTS.items():
        urgencies = ("none",) if name == "Watchdog" else ("page", "ticket")
        assert rule["labels"]["severity"] in urgencies, name
        assert rule["annotations"]["summary"], name
        assert rule["annotations"]["runbook"] == f"docs/runbook.md#{name.lower()}"


def test_the_runbook_has_a_section_for_each_alert_and_for_no_other() -> None:
    text = RUNBOOK.read_text(encoding="utf-8").partition("\n# Alerts\n")[2]
    sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))

    assert sorted(sections) == sorted(ALERTS)
    for name, section in sections.items():
        assert "- See" in section, f"{name}: how is it seen?"
        assert re.search(r"^- (Do|See and do):", section, re.MULTILINE), (
            f"{name}: what is to be done?"
        )


def test_what_runbook_and_dashboard_refer_to_exists() -> None:
    text = RUNBOOK.read_text(encoding="utf-8")
    shown = {panel["title"] for panel in measures.panels()}
    numbers = {title.partition(".")[0] for title in shown if title[0].isdigit()}

    assert (
        set(re.findall(r"\bpanels? (\d+)", text)) | set(re.findall(r"and (\d+);", text)) <= numbers
    )
    assert {found.lower() for found in re.findall(r"\]\(#(\w+)\)", text)} <= {
        n.lower() for n in ALERTS
    }
    for panel in measures.panels():
        _, _, named = panel["description"].partition("Runbook: ")
        assert set(re.findall(r"\w+", named)) <= set(ALERTS), panel["title"]
    assert set(re.findall(r"`(lapor_\w+)`", text)) <= set(KNOWN)


def test_panels_do_not_overlap_and_have_ids_of_their_own() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in measures.panels():
        place = panel["gridPos"]
        cells = {
            (place["x"] + right, place["y"] + down)
            for right in range(place["w"])
            for down in range(place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells

    ids = [panel["id"] for panel in measures.panels()]
    assert len(ids) == len(set(ids))
