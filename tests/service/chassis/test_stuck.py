"""What waits shows its age, also if a wrong clock filed it."""

import json

import pytest
from prometheus_client import REGISTRY

from tests.service.chassis.stories import opened

SHIFTED = {
    "an hour ago": ("received_at = now() - interval '1 hour'", 3600),
    "a minute ahead": ("received_at = now() + interval '1 minute'", 0),
    "a year ahead": (
        "received_at = now() + interval '1 year', next_try_at = now() + interval '1 year'",
        365 * 24 * 3600,
    ),
}


@pytest.mark.parametrize(("filed", "age"), SHIFTED.values(), ids=SHIFTED)
def test_what_waits_is_as_old_as_it_is_far(db, intake, filed, age):
    event = opened("KTB-12345-67894")  # its report is not here: it waits
    assert intake.inbox.receive(json.dumps(event).encode(), "routing") == "waiting"
    db.psql(f"UPDATE inbox SET {filed}")

    intake.measure()

    shown = REGISTRY.get_sample_value("lapor_inbox_age_seconds", {"service": "intake"})
    assert shown == pytest.approx(age, abs=24 * 3600 * 1.5 if age > 3600 else 30)
