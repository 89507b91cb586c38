"""What a channel receives is read in its order, in pieces of any size, and nothing of it twice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from systemscripts.ssh.received_bytes import ReceivedBytes


@given(st.lists(st.tuples(st.binary(max_size=40), st.integers(1, 30)), max_size=30))
def test_bytes_are_read_once_and_in_their_order(steps: list[tuple[bytes, int]]) -> None:
    received, actual = ReceivedBytes(), b""
    for fed, length in steps:
        received.feed(fed)
        if received.read_ready():
            piece = received.read(length)
            assert 0 < len(piece) <= length
            actual += piece
    rest = len(received)
    assert received.empty() == b"".join(fed for fed, _ in steps)[len(actual) :]
    assert len(actual) + rest == sum(len(fed) for fed, _ in steps)
    received.close()
    assert (received.read(1), len(received)) == (b"", 0)
