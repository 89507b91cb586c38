"""The shared library of the job scripts, in floors: see docs/architecture.md."""
