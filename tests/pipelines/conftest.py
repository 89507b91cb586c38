"""The mail server of the frame's tests."""

from tests.frame.conftest import mails

__all__ = ["mails"]
