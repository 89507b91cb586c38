"""The tested protocols, found by listing this package; `other_stores` opens every other one."""
