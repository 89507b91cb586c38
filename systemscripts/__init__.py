"""The shared library of the job scripts, in floors: see docs/architecture.md."""

import os

# pydantic looks through every installed package for plugins at its first import; there are none, and a start is quicker
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
