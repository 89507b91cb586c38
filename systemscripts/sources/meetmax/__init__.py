"""MeetMax: find the event pages that exist, and download the company lists that they publish.

`event_ids` selects the ids of a scan, `spider` requests their pages (Scrapy, one process per scan), `pages` reads one
page, `results` stores the results, `site_check` judges the whole scan, and `download` fetches one list (requests).
Nothing here is imported until it is needed: Scrapy alone takes a second.
"""
