"""The outside world of the demo and of the tests: a copy of a MeetMax site, a mail server that keeps what it gets.

Nothing here is part of the product, and the product imports nothing from here.
"""
