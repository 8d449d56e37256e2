import json

import pytest
from joserfc import jws

from healthvisit.accounts import keys, witness

HEAD = witness.Head("https://example.org", 7, bytes(range(32)), 900, "2021-02-15T09:00:00.000Z")


@pytest.fixture
def secrets(tmp_path):
    keys.ensure(tmp_path / "secrets")
    return tmp_path / "secrets"


def test_what_the_witness_was_told_it_tells_back(secrets):
    first = witness.signed(secrets, HEAD).encode()
    second = witness.signed(secrets, witness.Head("x", 8, bytes(32), 901, "y")).encode()
    assert witness.read(secrets, [first + b"\n", second + b"\n"]) == {7: bytes(range(32)), 8: bytes(32)}


def test_a_head_outlives_the_key_that_signed_it_with_whoever_kept_the_keys(secrets, tmp_path):
    before = tmp_path / "before"
    keys.ensure(before)
    line = witness.signed(before, HEAD).encode()
    with pytest.raises(witness.Unbelieved, match="Line 1 is signed with a key that is not known here"):
        witness.read(secrets, [line])
    kept = json.dumps(keys.signing(before).public).encode()
    assert witness.read(secrets, [line], kept) == {7: bytes(range(32))}
    with pytest.raises(witness.Unbelieved, match="no JWK Set"):
        witness.read(secrets, [line], b"[]")


def test_anyone_with_the_public_key_can_check_it(secrets):
    line = witness.signed(secrets, HEAD)
    [key] = keys.signing(secrets).by_kid.values()
    found = jws.deserialize_compact(line, key, algorithms=["ES256"])
    assert b'"hash":"000102' in found.payload
    assert found.headers()["typ"] == "audit-head+jws"


def test_what_was_not_signed_here_is_not_believed(secrets, tmp_path):
    line = witness.signed(secrets, HEAD).encode()
    header, claims, signature = line.split(b".")
    other = tmp_path / "other"
    keys.ensure(other)
    key = keys.signing(secrets).newest
    token = jws.serialize_compact(
        {"alg": "ES256", "kid": key.kid, "typ": "at+jwt"},
        b'{"number":1,"hash":"00"}',
        key,
        algorithms=["ES256"],
    )
    for forged in (
        b"",
        b"one two",
        header + b"." + claims[:-4] + b"AAAA." + signature,
        header + b"." + claims + b".",
        b"eyJhbGciOiJub25lIn0." + claims + b".",
        witness.signed(other, HEAD).encode(),
        token.encode(),
    ):
        with pytest.raises(witness.Unbelieved, match=r"^Line 2 is "):
            witness.read(secrets, [line, forged])
