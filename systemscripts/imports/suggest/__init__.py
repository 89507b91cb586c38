"""Propose an import for an unknown file: profile its columns, infer their types, write the YAML."""
