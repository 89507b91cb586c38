"""Record one start: `python -I -B last_resort PROJECT SETTINGS_FILE DATA_FOLDER SCRIPT begun|own|failed`.

Standard input has a line `KEY<tab>TEXT` for each reason why the start failed.
"""

import importlib
import sys
from pathlib import Path

if __name__ == "__main__":
    # At the end, so that no module of the suite takes the place of one of Python.
    sys.path.append(str(Path(__file__).resolve().parents[2]))
    importlib.import_module("systemscripts.last_resort.start_alerts").main()
