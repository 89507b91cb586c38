"""Ingest files: fetch, prepare, load, archive and settle them; undo and replay; finish what a killed run left."""
