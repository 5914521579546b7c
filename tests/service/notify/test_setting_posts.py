"""An operator says where posts are written to; a slip in an agency's code is no place."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest

from chassis.errors import Invalid
from deploy.local.environment import Surroundings
from services.notify import posts
from tests.harness.programs import run_command
from tests.service.notify.desk import SEKDA, Desk, furnish

Run = Callable[..., subprocess.CompletedProcess[str]]
AGENCIES = frozenset({"dlh", "dpupr"})


def places(desk: Desk) -> list[str]:
    with desk.db.begin() as tx:
        return posts.known(tx)


@pytest.fixture
def run(desk: Desk, surroundings: Surroundings) -> Run:
    """The command as it is really run."""
    environment = surroundings.environment("notify", DATABASE_URL=desk.database.url)

    def run(*words: str, email: str = "") -> subprocess.CompletedProcess[str]:
        return run_command("notify", "post", *words, env=environment, told=f"{email}\n")

    return run


def test_an_operator_sets_lists_and_forgets_posts(run: Run) -> None:
    at_desk = ("holder", "--agency", "dlh")

    assert run("set", "sekda", email=SEKDA).stdout == "sekda can be written to\n"
    assert run("set", *at_desk, email="dlh@kotabaru.example").stdout == (
        "holder/dlh can be written to\n"
    )
    assert run("list").stdout == "holder/dlh\nsekda\n"
    assert run("forget", "sekda").stdout == "forgotten\n"
    assert run("forget", "sekda").stdout == "nothing was known\n"
    assert run("list").stdout == "holder/dlh\n"


@pytest.mark.parametrize(
    ("email", "words", "said"),
    [
        ("", ["sekda"], "email: this is not one plain address"),
        ("a@b.example, c@d.example", ["sekda"], "email: this is not one plain address"),
        (SEKDA, ["mayor"], "post: there is no such post"),
        (SEKDA, ["sekda", "--agency", "dlh"], "agency: this post belongs to no agency"),
        (SEKDA, ["head_of_agency", "--agency", "DPUPR"], "agency: there is no such agency"),
    ],
)
def test_what_cannot_be_set_is_named_and_never_repeated(
    run: Run, desk: Desk, email: str, words: list[str], said: str
) -> None:
    refused = run("set", *words, email=email)

    assert (refused.returncode, refused.stderr.strip()) == (1, said)
    assert places(desk) == []


@pytest.mark.parametrize("agency", ["DPUPR", "dpupr ", " dpupr", "dp\u200bupr", "rsud-zzz", ""])
@pytest.mark.parametrize("post", posts.OF_AGENCIES)
def test_only_an_agencys_own_code_names_it(post: str, agency: str) -> None:
    posts.check(post, "dpupr", AGENCIES)

    with pytest.raises(Invalid) as refused:
        posts.check(post, agency, AGENCIES)

    assert [(e["field"], e["rule"]) for e in refused.value.errors] == [("agency", "known")]


def test_a_head_is_of_an_agency_and_a_desk_may_be_the_coordinators() -> None:
    posts.check("holder", None, AGENCIES)

    with pytest.raises(Invalid, match="which agency's head"):
        posts.check("head_of_agency", None, AGENCIES)


def test_what_was_set_before_codes_were_checked_is_shown_and_can_be_forgotten(
    run: Run, desk: Desk
) -> None:
    for post, agency in (("head_of_agency", "DPUPR"), ("head_of_agency", None), ("sekda", None)):
        furnish(desk, post, agency)
    said = ": of no agency in the list"
    assert run("list").stdout == f"head_of_agency{said}\nhead_of_agency/DPUPR{said}\nsekda\n"

    with desk.db.begin() as tx:
        assert posts.forget(tx, "head_of_agency", "DPUPR")
        assert posts.forget(tx, "head_of_agency", None)
    assert places(desk) == ["sekda"]


def test_a_post_is_not_forgotten_with_an_agency_that_it_does_not_belong_to(desk: Desk) -> None:
    furnish(desk, "sekda")
    furnish(desk, "holder")

    with desk.db.begin() as tx:
        with pytest.raises(Invalid, match="belongs to no agency"):
            posts.forget(tx, "sekda", "dlh")
        assert not posts.forget(tx, "holder", "")
    assert places(desk) == ["holder", "sekda"]
