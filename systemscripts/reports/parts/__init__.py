"""The kinds of report parts that need more than one query: each is a module here, found by listing the package.

A module NAME.py has `Options`, a pydantic model of what a report's YAML says under `parts: NAME:`, and
`make(cursor, options, rows, covered) -> ReportPart`. `rows`: the report's queries by name. `covered`: what the module
returned for the last delivery, {} at first. Templates find the part's value under NAME.

It also has `may_read(cursor, options, visibility)`, whether a user may see all that it reads, and
`restrict(cursor, options, part, visibility) -> ReportPart`, the part as that user may see it.
"""
