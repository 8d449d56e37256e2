"""The service's own secrets: the keys that sign access tokens, and the secret of the session cookie.

Files in settings.secrets_folder (mode 0700), each 0600. `ensure` makes what is missing and is called from the
shell; the service itself only reads.
"""

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from joserfc.jwk import ECKey

SIGNING = "signing-keys.json"
COOKIE = "cookie-secret"


class Missing(Exception):
    """A secret was not made yet, or others can read it. The text names the file."""


class SigningKeys(NamedTuple):
    """The key that signs, and every key whose signature still counts, by kid."""

    newest: ECKey
    by_kid: Mapping[str, ECKey]

    @property
    def public(self) -> dict[str, Any]:
        """The JWK Set that anyone may read."""
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
        _write(folder / SIGNING, json.dumps({"keys": [_made()]}))
    if not (folder / COOKIE).exists():
        _write(folder / COOKIE, secrets.token_hex(32))


def add(folder: Path) -> None:
    """Make a new signing key. The one before it is still believed: tokens in use live out their time."""
    held = json.loads(_read(folder / SIGNING))["keys"]
    _write(folder / SIGNING, json.dumps({"keys": [_made(), *held[:1]]}))


def signing(folder: Path) -> SigningKeys:
    """Raises Missing."""
    found = [ECKey.import_key(key) for key in json.loads(_read(folder / SIGNING))["keys"]]
    return SigningKeys(found[0], {str(key.kid): key for key in found})


def cookie_secret(folder: Path) -> str:
    """Raises Missing."""
    return _read(folder / COOKIE)


def _made() -> dict[str, Any]:
    key = ECKey.generate_key("P-256", {"kid": secrets.token_hex(8)})
    return dict(key.as_dict(private=True))


def _read(path: Path) -> str:
    try:
        if path.stat().st_mode & 0o077:
            raise Missing(f"{path} can be read by others: its mode must be 0600")
        return path.read_text("ascii")
    except FileNotFoundError:
        raise Missing(f"{path} was not made yet") from None


def _write(path: Path, text: str) -> None:
    # Written beside and moved into place, so that a key half written is never read.
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
