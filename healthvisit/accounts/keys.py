"""The service's own secrets: the keys that sign access tokens, and the secret of the session cookie.

Files in settings.secrets_folder (mode 0700), each 0600. `ensure` makes what is missing and is called from the
shell; the service itself only reads.
"""

import json
import os
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from joserfc.jwk import ECKey

SIGNING = "signing-keys.json"
COOKIE = "cookie-secret"
# The longest life of an access token (config.py), and what clocks may differ by.
OVERLAP_S = 3600 + 120
# Seconds since 1970 at which a key signed for the last time.
_RETIRED = "retired_at"


class Missing(Exception):
    """A secret was not made yet, or others can read it. The text names the file."""


class SigningKeys:
    """The key that signs, and every key whose signature still counts, by kid.

    They are read again when their file is another: a key that is turned from the shell is in use at once, in
    every process. Raises Missing where there is none to begin with.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self.newest: ECKey
        self.by_kid: Mapping[str, ECKey] = {}
        self.turned()

    def turned(self) -> bool:
        """Whether the keys are others than the last time, which they now are here too."""
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            raise Missing(f"{self._path} was not made yet") from None
        stamp = (stat.st_ino, stat.st_mtime_ns)
        if stamp == self._stamp:
            return False
        held = [ECKey.import_key(_jwk(key)) for key in json.loads(kept(self._path))["keys"]]
        self.newest, self.by_kid = held[0], {str(key.kid): key for key in held}
        self._stamp = stamp
        return True

    @property
    def public(self) -> dict[str, Any]:
        """The JWK Set that anyone may read."""
        self.turned()
        return {
            "keys": [
                {**key.as_dict(private=False), "use": "sig", "alg": "ES256"} for key in self.by_kid.values()
            ]
        }


def ensure(folder: Path) -> None:
    """Make the folder and whatever secret is missing in it; what stands is left as it is."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    if not (folder / SIGNING).exists():
        keep(folder / SIGNING, json.dumps({"keys": [_made()]}))
    if not (folder / COOKIE).exists():
        keep(folder / COOKIE, secrets.token_hex(32))


def turn(folder: Path, *, at: datetime, at_once: bool = False) -> str:
    """Make a new signing key, and tell its kid. Those before it are believed until their tokens have expired.

    at_once: they are believed no more, and every token is refused on its next use: for a key that was stolen.
    """
    held = [] if at_once else json.loads(kept(folder / SIGNING))["keys"]
    if held:
        held[0][_RETIRED] = int(at.timestamp())
    made = _made()
    keep(folder / SIGNING, json.dumps({"keys": [made, *_believed(held, at)]}))
    return str(made["kid"])


def drop_ended(folder: Path, *, at: datetime) -> None:
    """Drop the keys all of whose tokens have expired."""
    held = json.loads(kept(folder / SIGNING))["keys"]
    believed = _believed(held, at)
    if len(believed) < len(held):
        keep(folder / SIGNING, json.dumps({"keys": believed}))


def signing(folder: Path) -> SigningKeys:
    """Raises Missing."""
    return SigningKeys(folder / SIGNING)


def cookie_secret(folder: Path) -> str:
    """Raises Missing."""
    return kept(folder / COOKIE)


def _believed(held: Sequence[dict[str, Any]], at: datetime) -> list[dict[str, Any]]:
    return [key for key in held if int(at.timestamp()) - key.get(_RETIRED, at.timestamp()) <= OVERLAP_S]


def _jwk(key: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in key.items() if name != _RETIRED}


def _made() -> dict[str, Any]:
    key = ECKey.generate_key("P-256", {"kid": secrets.token_hex(8)})
    return dict(key.as_dict(private=True))


def kept(path: Path) -> str:
    """Text of a secret's file. Raises Missing where there is none, and where others can read it."""
    try:
        if path.stat().st_mode & 0o077:
            raise Missing(f"{path} can be read by others: its mode must be 0600")
        return path.read_text("ascii")
    except FileNotFoundError:
        raise Missing(f"{path} was not made yet") from None


def keep(path: Path, text: str) -> None:
    """Write a secret's file, readable by its owner alone."""
    # Written beside and moved into place, so that a key half written is never read.
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
