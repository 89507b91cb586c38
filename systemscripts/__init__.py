"""The shared library of the job scripts, in floors: see docs/architecture.md."""

import os
import sys
from types import ModuleType

# pydantic looks through every installed package for plugins at its first import; there are none, and a start is quicker
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
if os.environ["PYDANTIC_DISABLE_PLUGINS"] == "__all__":
    # The search for them would still import importlib.metadata and email, which takes as long as psycopg2.
    _no_plugins = ModuleType("pydantic.plugin._loader")
    _no_plugins.get_plugins = lambda: ()  # type: ignore[attr-defined]
    sys.modules.setdefault(_no_plugins.__name__, _no_plugins)
