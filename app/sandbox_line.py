"""How a process and a sandboxed child that stays talk: messages of JSON, files sent along.

Standard library only: children are forked from a process that has imported it.
"""

import json
import os
import socket
import struct
import time
from collections.abc import Mapping, Sequence
from typing import Any

MESSAGE_BYTES = 4 << 20
MOST_FILES = 8
_LENGTH = struct.Struct(">I")


def send(line: socket.socket, message: Mapping[str, Any], files: Sequence[int] = ()) -> None:
    """Send a message, and open files along with it. Raises OSError when nobody listens."""
    content = json.dumps(message).encode()
    whole = _LENGTH.pack(len(content)) + content
    sent = socket.send_fds(line, [whole], files) if files else line.send(whole)
    line.sendall(whole[sent:])


def receive(line: socket.socket, *, until: float) -> dict[str, Any]:
    """Return the other side's next message; files sent along are not taken.

    `until` is an instant of `time.monotonic`. Raises EOFError where the other side has gone,
    TimeoutError when it is late, ValueError when what it says is no message.
    """
    return _parse(_read(line, _length(_read(line, _LENGTH.size, until)), until))


def receive_with_files(line: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Return the next message and the files sent along; wait for as long as it takes."""
    head, files, _, _ = socket.recv_fds(line, _LENGTH.size, MOST_FILES)
    try:
        head += _read(line, _LENGTH.size - len(head), None) if head else b""
        return _parse(_read(line, _length(head), None)), files
    except BaseException:
        for file in files:
            os.close(file)
        raise


def _length(head: bytes) -> int:
    if not head:
        raise EOFError
    (length,) = _LENGTH.unpack(head)
    if length > MESSAGE_BYTES:
        raise ValueError(f"a message of {length} bytes")
    return int(length)


def _parse(content: bytes) -> dict[str, Any]:
    said = json.loads(content)
    if not isinstance(said, dict):
        raise ValueError("a message is an object")
    return said


def _read(line: socket.socket, size: int, until: float | None) -> bytes:
    read = bytearray()
    while len(read) < size:
        if until is not None:
            line.settimeout(max(until - time.monotonic(), 1e-3))
        piece = line.recv(size - len(read))
        if not piece:
            raise EOFError
        read += piece
    return bytes(read)
