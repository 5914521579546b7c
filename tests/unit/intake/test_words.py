"""What the OpenAPI document says of the reporter's actions and limits is all that there are."""

from services.intake import api, consent, words
from services.intake.domain import EVER_SHOWN, Action


def test_every_action_is_told_with_where_it_is_asked_for():
    told = words.ACTIONS["description"]
    asked = {request.action: name for name, request in api.REQUESTS.items()}

    assert asked.keys() | {Action.CONSENT} == set(Action)
    assert consent.Consents.__doc__ == "`/v1/reports/{number}/escalation-consent`"
    for action, name in (asked | {Action.CONSENT: "escalation-consent"}).items():
        assert f"`{action}` /{name}" in told


def test_every_clock_is_told():
    assert all(f"`{clock}`" in words.CLOCKS["description"] for clock in EVER_SHOWN)
