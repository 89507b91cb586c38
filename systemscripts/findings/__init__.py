"""What a file has against it: its columns and values compared with the configuration and with the good files before.

`shape` is judged before anything is written, `values` once the rows are in the transaction; each rule is a module. A
finding refuses, holds, warns or informs. Holding files and deciding about them is the work of ingest/.
"""
