"""Any file -> one clean table. Knows no database and no configuration row.

from systemscripts.tables.open_table import open_table

with open_table(path) as table:
    table.columns                    # the headers as the client wrote them
    table.detected                   # what was found, and why
    for block in table.blocks():     # records as bytes, each with its line in the file
        ...
"""
