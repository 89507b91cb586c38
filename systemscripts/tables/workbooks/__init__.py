"""Workbooks, web pages and packed files: parsed by a child process within limits, spooled as standard CSV."""
