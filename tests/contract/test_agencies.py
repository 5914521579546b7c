"""Every service takes its agencies from one list, so that none knows one that routing does not."""

from __future__ import annotations

from chassis.config import Settings
from services.escalation.rules import agencies
from services.intake import seed as intake
from services.notify import posts
from services.routing import schemas
from services.routing import seed as routing
from services.routing.models import Agency


def test_all_services_read_the_same_list() -> None:
    files = {agencies.LIST, posts.AGENCIES, intake.FILES["agency"]}

    assert files == {f"{routing.FILES[Agency]}.csv"}
    assert agencies.read(Settings.data_dir) == posts.agencies(Settings.data_dir) != frozenset()


def test_a_code_has_the_form_that_routing_asks_for() -> None:
    assert agencies.CODE.regex.pattern == schemas.CODE.regex.pattern
    assert all(agencies.CODE.regex.fullmatch(code) for code in agencies.read(Settings.data_dir))
