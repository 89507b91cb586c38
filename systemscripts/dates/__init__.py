"""Dates as clients write them: their formats, reading them, the names of months and weekdays."""
