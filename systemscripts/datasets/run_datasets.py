"""Which datasets belong to a run: those it loaded itself, and those of the runs that it started."""

from __future__ import annotations

# of dba.tdataset d; `run`: the number of the run as text. The log may lack a run, so its own number counts as well
IS_OF_RUN = """d.run_uuid in (
    select %(run)s::uuid union
    select r.run_uuid from dba.trun r where r.root_uuid = %(run)s::uuid)"""
