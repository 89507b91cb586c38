"""The checks of doctor, watchdog and status; `checks/` has one module for each subject."""
