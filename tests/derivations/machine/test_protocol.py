"""The frames between host and guest."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from derivations.machine.protocol import Ended, Frames, Request, frame, input_frame, signal_frame, size_frame


REQUEST = Request(
    argv=[b"sh", b"-c", b"exit"],
    env={b"PATH": b"/bin", b"TERM": b"dumb"},
    directory=b"/home",
    host="guest",
    root="9p",
    shares={"rw0": b"/a path"},
    terminal=(24, 80),
    network=True,
)


@given(st.lists(st.tuples(st.binary(min_size=1, max_size=1), st.binary(max_size=40))), st.integers(1, 20))
def test_frames_arrive_whole_however_they_are_cut(sent: list[tuple[bytes, bytes]], size: int) -> None:
    """The same frames come out, in order."""
    data = b"".join(frame(kind, content) for kind, content in sent)
    frames = Frames()
    assert sent == [it for start in range(0, len(data), size) for it in frames.add(data[start : start + size])]


def test_a_request_lists_all_that_the_agent_reads() -> None:
    """Each item begins with its letter and ends with a zero byte."""
    kind, size = struct.unpack_from("<cI", bytes(REQUEST))
    items = bytes(REQUEST)[5:].split(b"\0")
    assert (b"R", len(bytes(REQUEST)) - 5) == (kind, size)
    assert items == [
        *(b"ash", b"a-c", b"aexit"),
        *(b"ePATH=/bin", b"eTERM=dumb", b"srw0 /a path", b"d/home", b"hguest", b"x/bin", b"r9p", b"p24 80", b"n", b""),
    ]


def test_the_small_frames() -> None:
    """Their content is of the size that the agent expects."""
    assert (b"I\x02\0\0\0ab", b"I\0\0\0\0") == (input_frame(b"ab"), input_frame(b""))
    assert (b"S\x01\0\0\0\x02", b"W\x04\0\0\0\x18\0\x2c\x01") == (signal_frame(2), size_frame(24, 300))
    assert Ended(137, 5, 1 << 40) == Ended.parse(struct.pack("<IQQ", 137, 5, 1 << 40))
