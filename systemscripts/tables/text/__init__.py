"""Delimited and fixed-width text: encoding, dialect, records, and the repair of broken rows."""
