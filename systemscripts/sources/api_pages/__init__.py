"""The parts of the api source: query, pagination, download, checks."""
