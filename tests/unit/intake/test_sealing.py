"""What intake seals only notify opens, and its size tells nothing."""

import json

import pytest
from joserfc.jwk import ECKey

from services.intake import schemas
from services.intake.sealing import Sealer
from services.notify.sealing import Opener

LONGEST = {
    "name": "\U0001f4a5" * schemas.NAME,
    "email": "a" * 64 + "@" + "b" * 60 + ".example",
    "phone": "+62 811 1234 5678 90",
    "address": "\U0001f4a5" * schemas.ADDRESS,
    "language": "id",
}


@pytest.fixture(scope="module")
def keys():
    key = ECKey.generate_key("P-256")
    private = {**key.as_dict(private=True), "kid": "one"}
    public = {name: value for name, value in private.items() if name != "d"}
    return Sealer(json.dumps(public).encode()), Opener(json.dumps(private).encode())


def test_the_longest_and_the_shortest_contact_have_one_size(keys):
    sealer, opener = keys
    sealed = [sealer.seal(c, "KTB-12345-67890") for c in ({"phone": "0811123456"}, LONGEST)]

    assert len({len(s) for s in sealed}) == 1
    assert json.loads(opener.open(sealed[1], "KTB-12345-67890")) == LONGEST


def test_a_private_key_is_refused():
    private = {**ECKey.generate_key("P-256").as_dict(private=True), "kid": "one"}
    with pytest.raises(ValueError, match="public"):
        Sealer(json.dumps(private).encode())
