"""Read any file as one clean table. This package uses neither the database nor the configuration.

from systemscripts.tables.open_table import open_table

with open_table(path) as table:
    table.columns                    # the headers as the client wrote them
    table.detected                   # what was detected, and why
    for block in table.blocks():     # records as bytes, each with its line in the file
        ...
"""
