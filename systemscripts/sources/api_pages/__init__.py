"""The parts of the api source: how pages follow each other, where they land, what is asked for."""
