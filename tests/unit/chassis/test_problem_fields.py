"""A problem names the field that is wrong, unless that name may say who somebody is."""

import json

import falcon.testing
import pytest
from marshmallow import fields

from chassis import web
from chassis.schemas import Strict


class Inner(Strict):
    names = fields.List(fields.String(), required=True)


class Outer(Strict):
    inner = fields.Nested(Inner, required=True)


class Resource:
    @web.operation("Take it", body=Outer, answers={204: None})
    def on_post(self, req, body):
        """Nothing."""


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"inner": {}}, "inner.names"),
        ({"inner": {"names": ["x", 1]}}, "inner.names.1"),
        ({"inner": {"names": []}, "titel": 1}, "titel"),
        ({"inner": {"names": []}, "6302064187520936": 1}, "?"),
        ({"inner": {"names": [], "siti": {}, "0811-7394-8265": 1}}, "inner.?"),
        ({"inner": {"names": []}, "Siti Rahmah": 1}, "?"),
        ({"inner": {"names": []}, "siti@contoh.example": 1}, "?.example"),
        ({"inner": {"names": []}, "a" * 41: 1}, "?"),
        ({"6302064187520936": "\0"}, "?"),
        ({"inner": [{"siti 0811": "\ud800"}]}, "inner.0.?"),
    ],
)
def test_a_name_that_a_client_made_up_is_not_repeated(body, field):
    client = falcon.testing.TestClient(web.app("test", {"/": Resource()}))

    answer = client.simulate_post("/", body=json.dumps(body), content_type="application/json")

    assert answer.status_code in (400, 422)
    assert field in [error["field"] for error in answer.json["errors"]]
    assert "6302064187520936" not in answer.text
    assert "0811-7394" not in answer.text
    assert "@" not in answer.text
