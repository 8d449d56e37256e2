"""The only calls that this service makes to another: to the identity providers that its deployer has named.

JSON in, JSON out. No redirect is followed, no proxy or credential of the environment is used, an answer has a
size and a time, and few calls are under way at once, so that a provider that is slow does not stop the rest.
"""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from urllib.parse import urlencode, urlsplit

from healthvisit.exact_json import JSON, Malformed, loads

# The whole of one call, from the first octet sent to the last one read.
LONGEST_CALL_S = 5.0
MOST_OCTETS = 256_000
AT_ONCE = 2
_READ = 16_384
_JSON = ("application/json", "application/jwk-set+json")

_under_way = threading.BoundedSemaphore(AT_ONCE)


class Unreachable(Exception):
    """There is no answer that can be used. The text is a kind of fault, with nothing in it of what was sent."""


class Declined(Exception):
    """The provider says no: a status from 400 to 499."""


def fetch(address: str, *, form: Mapping[str, str] | None = None, bearer: str | None = None) -> JSON:
    """The JSON object at the address: by POST where a form is sent, else by GET. bearer: an access token.

    Whether the address may be called is for who calls to know. Raises Unreachable, Declined.
    """
    if not _under_way.acquire(timeout=LONGEST_CALL_S):
        raise Unreachable("busy")
    try:
        with _answer(address, form, bearer) as answer:
            return _read(answer)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Unreachable(type(error).__name__) from None
    finally:
        _under_way.release()


@contextmanager
def _answer(
    address: str, form: Mapping[str, str] | None, bearer: str | None
) -> Iterator[http.client.HTTPResponse]:
    at = urlsplit(address)
    host, port = at.hostname or "", at.port
    connection = (
        http.client.HTTPSConnection(host, port, timeout=LONGEST_CALL_S, context=ssl.create_default_context())
        if at.scheme == "https"
        else http.client.HTTPConnection(host, port, timeout=LONGEST_CALL_S)
    )
    headers = {"Accept": "application/json", "Accept-Encoding": "identity", "Connection": "close"}
    if bearer is not None:
        headers["Authorization"] = f"Bearer {bearer}"
    if form is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    begun = time.monotonic()
    connection.connect()
    line = connection.sock
    # A time-out counts each silence by itself: one octet a second would never be one.
    ending = threading.Timer(max(LONGEST_CALL_S - (time.monotonic() - begun), 0), _hang_up, (line,))
    ending.daemon = True
    ending.start()
    try:
        target = (at.path or "/") + (f"?{at.query}" if at.query else "")
        body = None if form is None else urlencode(form)
        connection.request("GET" if form is None else "POST", target, body, headers)
        yield connection.getresponse()
    finally:
        ending.cancel()
        connection.close()


def _hang_up(line: socket.socket) -> None:
    try:
        # Of the socket below TLS: what waits on it wakes up and finds the end.
        socket.socket.shutdown(line, socket.SHUT_RDWR)
    except OSError:
        # It ended by itself.
        return


def _read(answer: http.client.HTTPResponse) -> JSON:
    if HTTPStatus.BAD_REQUEST <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Declined(f"status {answer.status}")
    if answer.status != HTTPStatus.OK:
        raise Unreachable(f"status {answer.status}")
    kind = answer.headers.get_content_type()
    if kind not in _JSON or "Content-Encoding" in answer.headers:
        raise Unreachable("kind")
    body = b""
    while part := answer.read1(_READ):
        body += part
        if len(body) > MOST_OCTETS:
            raise Unreachable("size")
    if answer.length:
        raise Unreachable("cut")
    try:
        found = loads(body)
    except Malformed:
        raise Unreachable("form") from None
    if not isinstance(found, dict):
        raise Unreachable("form")
    return found
