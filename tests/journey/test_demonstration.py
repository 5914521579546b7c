"""The story that `./lapor demo` shows, as a test."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from deploy.local import scenario
from deploy.local.system import System
from tests.harness.system import stage

pytestmark = pytest.mark.slow


def test_both_stories_go_as_promised(system: System, capsys: pytest.CaptureFixture[str]) -> None:
    today = datetime.now(ZoneInfo("Asia/Makassar")).date().isoformat()

    scenario.tell(stage(system), today)

    said = capsys.readouterr().out
    assert "feed.case.handed_over.v1" in said
    assert "opened: identity" in said
    assert "mediation" in said
    assert "corrective_action" in said
    assert "recommendation" in said
    assert "Nurhayati" not in said
    assert "entries hold" in said
    assert all(mail.to == ["siti@contoh.example"] for mail in system.mails())
