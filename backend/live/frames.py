"""A text as it goes over the wire, made once and written to every socket as it is.

A server's frames are not masked, so one serves all; a socket that has agreed on compression takes plain ones as well
(RFC 7692 §6). Whoever serves the sockets may offer, in the scope's extensions under `WRITE_AT_ONCE`, a function that
writes a frame without waiting; without it every text goes the framework's way.
"""

import struct
from collections.abc import Callable

WriteAtOnce = Callable[[bytes], bool]
"""True: written. False: the network takes no more just now, or the socket is about to end; nothing was written."""

WRITE_AT_ONCE = "rescue.write_at_once"
_TEXT_WHOLE = 0x81
_LENGTH_16, _LENGTH_64 = 126, 127


def text_frame(text: str) -> bytes:
    """The text as one unmasked websocket frame (RFC 6455 §5.2)."""
    payload = text.encode()
    length = len(payload)
    if length < _LENGTH_16:
        head = struct.pack("!BB", _TEXT_WHOLE, length)
    elif length < 2**16:
        head = struct.pack("!BBH", _TEXT_WHOLE, _LENGTH_16, length)
    else:
        head = struct.pack("!BBQ", _TEXT_WHOLE, _LENGTH_64, length)
    return head + payload
