"""Public ids of resources: always ours, never the client's, so that an id tells nobody what else exists."""

import os
import secrets
import threading
import time

_lock = threading.Lock()
_last = 0


def next_id() -> str:
    """A UUID version 7, greater than every one before it in this process.

    In order of time, so that index pages fill one after the other.
    Source: https://www.rfc-editor.org/rfc/rfc9562#section-5.7
    """
    global _last
    with _lock:
        # 48 bits of milliseconds, 74 of chance; within one millisecond a random step forward.
        now = time.time_ns() // 1_000_000
        if now > _last >> 74:
            _last = now << 74 | secrets.randbits(74)
        else:
            _last += 1 + int.from_bytes(os.urandom(4))
        value = _last
    high, middle, low = value >> 74, value >> 62 & 0xFFF, value & (1 << 62) - 1
    text = f"{high:012x}7{middle:03x}{2 << 62 | low:016x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
