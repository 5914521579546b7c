"""A service stands wherever services are listed: none is forgotten, none is left behind."""

from tests.contract import places


def test_no_place_has_forgotten_a_service() -> None:
    missing = places.forgotten()

    assert not missing, "forgotten:\n" + "\n".join(missing)


def test_no_place_remembers_a_service_that_is_gone() -> None:
    left = places.strangers()

    assert not left, "still there:\n" + "\n".join(left)


def test_the_guide_for_newcomers_names_every_place() -> None:
    text = (places.ROOT / "CONTRIBUTING.md").read_text()
    guide = text.partition("### A new service\n")[2].partition("\n## ")[0]

    assert [p for p in places.PLACES if p.partition(",")[0] not in guide] == []
