"""What the OpenAPI document says of the reporter's actions and limits, and of what a line of the
timeline tells, is all that there are."""

import contracts
from services.intake import api, consent, contact, words
from services.intake.domain import EVER_SHOWN, SHOWN, Action


def test_every_action_is_told_with_where_it_is_asked_for():
    told = words.ACTIONS["description"]
    asked = {request.action: name for name, request in api.REQUESTS.items()}

    by_itself = {Action.CONSENT: "escalation-consent", Action.REPLACE_CONTACT: "contact"}
    assert asked.keys() | by_itself.keys() == set(Action)
    assert consent.Consents.__doc__ == "`/v1/reports/{number}/escalation-consent`"
    assert contact.Contact.__doc__ == "`/v1/reports/{number}/contact`"
    for action, name in (asked | by_itself).items():
        assert f"`{action}` /{name}" in told


def test_every_clock_is_told():
    clocks = contracts.schema("deadline.passed.v1")["properties"]["clock"]["enum"]

    assert set(EVER_SHOWN) < set(clocks)
    assert all(f"`{clock}`" in words.CLOCKS["description"] for clock in clocks)


def test_a_timeline_can_be_translated_by_whoever_has_the_document_alone():
    """Each word that a line can hold stands there, beside its field."""
    lines = words.DETAIL["description"].splitlines()
    told = {line.split("`")[1]: line for line in lines if line.startswith("- ")}

    for what, names in SHOWN.items():
        for name in names:
            described = contracts.schema(f"{what}.v1")["properties"][name]
            values = (value for value in described.get("enum", []) if value is not None)
            assert all(f"`{word}`" in told[what] for word in (name, *values)), (what, name)
    assert "`partly_fulfilled`" in told["case.answered"]
