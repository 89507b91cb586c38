"""Read delimited and fixed-width text: detect encoding and dialect, split records, repair broken rows."""
