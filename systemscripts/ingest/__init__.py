"""The whole way of a file: fetch, prepare, load, archive, settle; undo and replay; what the next start finishes.

`travel.run_imports` is the way; `undo` and `replay` are for afterwards.
"""
