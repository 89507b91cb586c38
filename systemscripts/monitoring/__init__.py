"""What doctor, status and watchdog report; `checks/` has one module for each matter."""
