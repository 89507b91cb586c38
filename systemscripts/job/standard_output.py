"""Print what an operator asked for; a reader that stopped reading (| head) is not an error, and ends it quietly."""

from __future__ import annotations

import os
import sys


def print_text(text: str) -> None:
    """Print a text that is already masked, if there is one."""
    try:
        if text:
            print(text, flush=True)
    # Python would complain at its exit
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
