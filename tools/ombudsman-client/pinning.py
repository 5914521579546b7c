"""The feed's published keys, and which of them a person trusts.

A key is called by its thumbprint (RFC 7638), which is computed here: what is read out by telephone
is the key itself, not a name that somebody gave to it.
"""

import json
from pathlib import Path

from chain import FORM, Broken, public_key, thumbprint
from telling import say


def pin(office, store, wanted):
    """Shows the keys that the feed shows now, and trusts those of the `wanted` thumbprints; earlier
    ones stay. Raises Broken, and SystemExit if one that is wanted is not shown."""
    shown = office.keys()
    fresh, trusted = new_keys(shown, store), store.keys()
    names = {jwk["kid"] for jwk in fresh}
    if missing := set(wanted) - names - trusted.keys():
        raise SystemExit(f"not shown, nothing was pinned: {' '.join(sorted(missing))}")
    for kid in (jwk["kid"] for jwk in shown):
        if kid in names or kid in trusted:
            say(f"{'NEW  ' if kid in names else 'known'} {kid}")
    pinned = [jwk for jwk in fresh if jwk["kid"] in wanted]
    if pinned:
        store.trust(pinned)
    for jwk in pinned:
        say(f"pinned {jwk['kid']}")
    if fresh and not wanted:
        say("Compare by telephone what is NEW, then `pin` the names that were read to you.")


def keys_of(file):
    """The keys of a file that is a JWK Set."""
    try:
        return list(json.loads(Path(file).read_text("utf-8"))["keys"])
    except FORM:
        raise SystemExit(f"{file} is no JWK Set") from None


def new_keys(shown, store):
    """Those that are neither trusted nor withdrawn. Raises Broken for another key under a name that
    is trusted, and for one whose name is not its thumbprint."""
    fresh, trusted, gone = [], store.keys(), store.withdrawn()
    for jwk in shown:
        try:
            kid, key = jwk["kid"], public_key(jwk)
            if key is not None and _is_new(kid, key, trusted, shown) and kid not in gone:
                fresh.append(jwk)
        except FORM:
            raise Broken("keys", "a key", "form", shown) from None
    return fresh


def _is_new(kid, key, trusted, shown):
    if trusted.get(kid, key) != key:
        raise Broken("keys", f"key {kid}", "swapped", shown)
    if thumbprint(key) != kid:
        raise Broken("keys", f"key {kid}", "thumbprint", shown)
    return kid not in trusted
