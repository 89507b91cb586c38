"""MeetMax: which event pages exist, and the company lists they publish.

`pages` reads one page, `events` says which ids to ask, `results` keeps what was found, `spider` asks the site (Scrapy,
one process per scan), `download` fetches one list (requests). Nothing here is imported until it is needed: Scrapy alone
takes a second.
"""
