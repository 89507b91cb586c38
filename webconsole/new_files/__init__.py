"""Files that are added in the browser: stored in parts, read and tried in a process of their own, then loaded."""
