"""What the OpenAPI document says of an officer's actions is all that there are."""

import json

from deploy.local import openapi
from services.routing import desk, words
from services.routing.life import Action


def test_every_action_of_an_officer_is_told_with_where_it_is_done():
    assert set(words.OFFICERS) == set(words.ADDRESSES) < set(Action)
    assert set(words.ADDRESSES.values()) == set(desk.VERBS)
    assert "`protect` /confidentiality" in words.ACTIONS["description"]


def test_no_other_action_is_offered():
    schemas = json.loads((openapi.FOLDER / "routing.json").read_text())["components"]["schemas"]

    assert schemas["CaseShown"]["properties"]["actions"]["items"]["enum"] == words.OFFICERS
