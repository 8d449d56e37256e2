"""What the service tells an outside witness of its audit, signed; and what the witness tells it back.

One line each: a JWS (compact, ES256, type audit-head+jws) over number, hash, through and instant of an anchor.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from healthvisit.accounts import keys
from healthvisit.exact_json import Malformed, dumps, loads

# So that a head is no token, nor a token a head.
_TYPE = "audit-head+jws"


class Unbelieved(Exception):
    """A line that this service did not sign, or with a key that it no longer has. The text says which line."""


@dataclass(frozen=True)
class Head:
    """How far the audit had come. hash: 32 bytes; recorded_at: FHIR instant; through: greatest seq of an event."""

    issuer: str
    number: int
    hash: bytes
    through: int
    recorded_at: str


def signed(secrets_folder: Path, head: Head) -> str:
    """Raises keys.Missing."""
    key = keys.signing(secrets_folder).newest
    claims = {
        "iss": head.issuer,
        "number": head.number,
        "hash": head.hash.hex(),
        "through": head.through,
        "recorded_at": head.recorded_at,
    }
    header = {"alg": "ES256", "kid": key.kid, "typ": _TYPE}
    return jws.serialize_compact(header, dumps(claims), key, algorithms=["ES256"])


def read(secrets_folder: Path, lines: Iterable[bytes], kept: bytes | None = None) -> dict[int, bytes]:
    """Hashes of anchors by number, from lines that `signed` made.

    kept: a JWK Set of keys that this service had, as the witness kept it; a key that was turned is forgotten here.
    Raises Unbelieved, keys.Missing.
    """
    by_kid = dict(keys.signing(secrets_folder).by_kid)
    if kept is not None:
        try:
            older = [ECKey.import_key(key) for key in loads(kept)["keys"]]
        except (JoseError, Malformed, ValueError, KeyError, TypeError) as error:
            raise Unbelieved("The kept keys are no JWK Set.") from error
        by_kid |= {str(key.kid): key for key in older}
    told: dict[int, bytes] = {}
    for at, line in enumerate(lines, start=1):
        try:
            found = jws.extract_compact(line.strip())
            header = found.headers()
            key = by_kid.get(str(header.get("kid")))
            if key is None:
                raise Unbelieved(f"Line {at} is signed with a key that is not known here.")
            if header.get("typ") != _TYPE or not jws.validate_compact(found, key, algorithms=["ES256"]):
                raise Unbelieved(f"Line {at} is not a head that this service signed.")
            claims = loads(found.payload)
            told[claims["number"]] = bytes.fromhex(claims["hash"])
        except (JoseError, Malformed, ValueError) as error:
            raise Unbelieved(f"Line {at} is not a head that this service signed.") from error
    return told
