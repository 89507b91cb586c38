"""What arrives is read in its order, in pieces of any size, nothing of it twice, and with few waits."""

from __future__ import annotations

import socket
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paramiko.buffered_pipe import PipeTimeout

from systemscripts.ssh import received_bytes
from systemscripts.ssh.received_bytes import ReadAheadSocket, ReceivedBytes

ARRIVALS = st.lists(st.binary(min_size=1, max_size=40), max_size=30)
LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=30)


@given(ARRIVALS, LENGTHS)
def test_a_channel_gives_each_byte_once_and_as_many_as_asked_for(arrivals: list[bytes], lengths: list[int]) -> None:
    received, sent = ReceivedBytes(), b"".join(arrivals)
    sender = threading.Thread(target=lambda: [*map(received.feed, arrivals), received.close()])
    sender.start()
    for length in [*lengths, len(sent) + 1]:
        assert received.read(length, 5) == sent[:length]
        sent = sent[length:]
    sender.join()
    assert (received.read(1), len(received)) == (b"", 0)


@given(ARRIVALS, LENGTHS)
def test_a_socket_gives_each_byte_once_and_waits_only_for_the_first(arrivals: list[bytes], lengths: list[int]) -> None:
    ours, theirs = socket.socketpair()
    actual = b""
    with theirs, ReadAheadSocket(ours) as ahead:
        ahead.settimeout(5)
        for arrival, length in zip(arrivals, lengths, strict=False):
            theirs.sendall(arrival)
            piece = ahead.recv(length)
            assert 0 < len(piece) <= length
            actual += piece
        theirs.close()
        while piece := ahead.recv(7):
            actual += piece
    assert actual == b"".join(arrivals[: len(lengths)])


def test_only_silence_counts_as_a_timeout() -> None:
    received = ReceivedBytes()

    def drip() -> None:
        for _ in range(6):
            time.sleep(0.1)
            received.feed(b"x")

    sender = threading.Thread(target=drip)
    sender.start()
    # longer than the timeout as a whole, but never without a byte for so long
    assert received.read(6, 0.4) == b"xxxxxx"
    sender.join()
    with pytest.raises(PipeTimeout):
        received.read(1, 0.01)


def test_a_request_above_the_window_is_answered_with_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(received_bytes, "MAX_AWAITED_BYTES", 4)
    received = ReceivedBytes()
    received.feed(b"12345")
    assert received.read_ready()
    assert received.read(1000, 0.01) == b"12345"
    assert not received.read_ready()
