"""Who sees what: groups, their tables, lists and reports, and personal columns, on every route that shows rows."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import openpyxl
import pytest

from tests.webconsole.conftest import Console

SECRET = "zoe@example.test"
MASK = "•••"
CLIENTS = f"client_id,email,city,spent\n1,{SECRET},Rome,10\n2,yan@example.test,Oslo,20\n"
# of the delivery before it, whose values rows and lists show as earlier ones
EARLIER = "old@example.test"
SCHEMA = {
    "client_id": {"type": "integer"}, "email": {"personal": True}, "spent": {"type": "numeric"},
    "contact": {"from": "email", "rename": "reach_at"},
}  # fmt: skip


@pytest.fixture(scope="module")
def clients(console: Console) -> Console:
    """An import with a personal column, views on its table, and a table that no import fills."""
    console.installation.sql(
        "update dba.tusergroup set tables = '{targets,sales.*,visits.*}' where group_name = 'default'"
    )
    before = f"client_id,email,city,spent\n1,{EARLIER},Rome,10\n"
    console.load("clients", "clients_0.csv", before, schema=SCHEMA, key_columns=["client_id"])
    console.load("clients", "clients_1.csv", CLIENTS, schema=SCHEMA, key_columns=["client_id"])
    console.installation.sql(
        """create view public.v_client as
               select client_id, email, lower(email) as mail, city, spent from public.clients;
           create view public.v_spent as select city, count(*) as clients, sum(spent) as total from public.clients
               group by city;
           create view public.v_whole as select client_id, to_jsonb(c) as everything from public.clients c;
           create view public.v_over_view as select mail as other, city from public.v_client;
           create table public.by_hand (note text); insert into public.by_hand values ('by hand');
           create view public.v_mixed as select c.city, h.note from public.clients c cross join public.by_hand h"""
    )
    return console


@pytest.fixture
def group(clients: Console) -> Iterator[str]:
    """A group with the analyst as its only member, without any rights."""
    clients.installation.sql("insert into dba.tusergroup (group_name) values ('sales')")
    clients.installation.sql("insert into dba.tgroupmember (group_name, user_name) values ('sales', 'ben')")
    yield "sales"
    clients.installation.sql("delete from dba.tusergroup where group_name = 'sales'")


def allow(console: Console, **patterns: list[str]) -> None:
    for name, values in patterns.items():
        console.installation.sql(f"update dba.tusergroup set {name} = %s where group_name = 'sales'", (values,))


def read_rows(console: Console, table: str, user: str = "ben") -> dict[str, str]:
    """The first row of a table as JSON has it."""
    answer = console.post("/data-view", user, json={"table": table})
    assert answer.status_code == 200, (table, answer.text)
    row: dict[str, str] = answer.json()["rows"][0]
    return row


def test_by_default_targets_and_views_on_them_are_shown_without_personal_columns(clients: Console) -> None:
    listed = {row["table"] for row in clients.get("/tables", "ben").json()["rows"]}
    assert {"public.clients", "public.v_client", "public.v_spent"} <= listed
    assert not {"public.by_hand", "public.v_mixed"} & listed
    row = read_rows(clients, "public.clients")
    assert (row["email"], row["reach_at"], row["city"]) == (MASK, MASK, "Rome")
    # a column made from a personal one is masked under any name, a count of rows is not
    assert read_rows(clients, "public.v_client") | {"client_id": ""} == {
        "client_id": "", "email": MASK, "mail": MASK, "city": "Rome", "spent": "10",
    }  # fmt: skip
    assert set(read_rows(clients, "public.v_spent").values()).isdisjoint({MASK})
    assert read_rows(clients, "public.v_whole")["everything"] == MASK
    assert read_rows(clients, "public.v_over_view")["other"] == MASK
    assert read_rows(clients, "public.clients", "anna")["email"] == SECRET


def test_no_group_rule_hides_anything_from_the_operator(clients: Console, group: str) -> None:
    assert read_rows(clients, "public.by_hand", "anna") == {"note": "by hand"}


@pytest.mark.parametrize("form", ["csv", "xlsx", "parquet"])
def test_downloads_mask_what_pages_mask(clients: Console, form: str, tmp_path: Path) -> None:
    paths = [f"/console/tables/public.clients/download.{form}", f"/console/lists/clients/now.{form}"]
    older = [f"/tables/public.clients/download.{form}"] if form != "parquet" else []
    for path in [*paths, f"{paths[0]}?day=2100-01-01", *older]:
        content = clients.get(path, "ben").content
        if form == "csv":
            cells = list(itertools.chain(*csv.reader(io.StringIO(content.decode("utf-8-sig")))))
        elif form == "parquet":
            (tmp_path / "rows.parquet").write_bytes(content)
            rows = duckdb.sql(f"select * from read_parquet('{tmp_path}/rows.parquet')").fetchall()
            cells = list(itertools.chain(*rows))
        else:
            cells = [cell.value for row in openpyxl.load_workbook(io.BytesIO(content)).active for cell in row]  # type: ignore[union-attr]
        assert SECRET not in cells and MASK in cells and "Rome" in cells


def test_a_masked_column_can_neither_be_filtered_nor_sorted_by(clients: Console) -> None:
    table = {"table": "public.clients"}
    bodies = [table | {"sort": "email"}, table | {"filters": [{"column": "reach_at", "value": "zoe"}]}]
    for body in bodies:
        assert clients.post("/data-view", "ben", json=body).status_code == 422
        assert clients.post("/data-view", "anna", json=body).status_code == 200
    for query in ("sort=email", "column1=email&operator1=is&value1=x", "column1=email&operator1=filled"):
        for path in (
            f"/console/tables/public.clients?{query}", f"/console/tables/public.clients/download.csv?{query}",
            f"/tables/public.clients/download.xlsx?{query}",
        ):  # fmt: skip
            assert clients.get(path, "ben").status_code == 422, path


GROUPS = {
    "nothing": ({}, set(), set()),
    "one table": ({"tables": ["public.clients"]}, {"clients", "v_client", "v_spent"}, set()),
    "a pattern": ({"tables": ["public.by*"]}, {"by_hand"}, set()),
    "one more": ({"tables": ["targets", "public.by_hand"]}, {"clients", "by_hand", "v_mixed", "v_client"}, set()),
    "personal": ({"tables": ["targets"], "personal": ["targets"]}, {"clients", "v_client"}, {"clients", "v_client"}),
    "personal of the view": ({"tables": ["*"], "personal": ["public.v_client"]}, {"clients", "v_client"}, {"v_client"}),
    "everything": ({"tables": ["*"], "personal": ["*"]}, {"clients", "v_client", "by_hand"}, {"clients", "v_client"}),
}  # fmt: skip
TABLES = ("clients", "v_client", "v_spent", "by_hand", "v_mixed")
ROUTES = (
    "/console/tables/public.{}", "/console/tables/public.{}/download.csv", "/tables/public.{}/download.csv",
)  # fmt: skip


@pytest.mark.parametrize("name", GROUPS)
def test_each_group_sees_its_tables_and_values_on_each_route(clients: Console, group: str, name: str) -> None:
    patterns, seen, unmasked = GROUPS[name]
    allow(clients, **patterns)
    listed = {row["table"] for row in clients.get("/tables", "ben").json()["rows"]}
    for table in TABLES:
        if table in seen:
            assert f"public.{table}" in listed
        answers = [clients.get(route.format(table), "ben") for route in ROUTES]
        answers.append(clients.post("/data-view", "ben", json={"table": f"public.{table}"}))
        statuses = {answer.status_code for answer in answers}
        assert statuses == ({200} if f"public.{table}" in listed else {404}), (table, statuses)
        if table in ("clients", "v_client") and table in seen:
            assert {SECRET in answer.text for answer in answers} == {table in unmasked}, table
    assert {table for table in seen if f"public.{table}" not in listed} == set()


def test_a_group_sees_lists_without_their_table_and_nothing_else_of_them(clients: Console, group: str) -> None:
    paths = [f"/console/lists/clients/{page}" for page in ("now", "now.csv", "changes", "changes.csv", "earlier")]
    assert {clients.get(path, "ben").status_code for path in paths} == {404}
    assert "clients" not in clients.get("/console/lists", "ben").text.partition("<main")[2]
    allow(clients, lists=["cli*"])
    for path in paths:
        answer = clients.get(path, "ben")
        assert answer.status_code == 200, path
        assert SECRET not in answer.text and EARLIER not in answer.text, path
    assert MASK in clients.get("/console/lists/clients/changes", "ben").text
    assert clients.get("/console/lists/clients/several?by=email", "ben").status_code == 422
    assert MASK in clients.get("/console/lists/clients/now.csv", "ben").content.decode("utf-8-sig")
    assert clients.get("/console/tables/public.clients", "ben").status_code == 404
    allow(clients, lists=[], tables=["targets"], personal=["targets"])
    assert SECRET in clients.get("/console/lists/clients/now", "ben").text
    assert EARLIER in clients.get("/console/lists/clients/changes", "ben").text


PANELS = (
    "/row/{dataset}/2", "/groups?by=email", "/groups?by=city&sum=email", "/totals", "/totals?column1=email&value1=zoe",
    "/groups?by=city", "?day=2100-01-01", "?day=2100-01-01&sort=email", "?by=email", "?rows=all",
    "?columns=email,reach_at",
)  # fmt: skip


@pytest.mark.parametrize("panel", PANELS)
def test_no_panel_of_a_table_shows_a_masked_value_or_a_table_of_others(clients: Console, panel: str) -> None:
    dataset = clients.dataset("clients")
    path = "/console/tables/public.clients" + panel.format(dataset=dataset)
    answer = clients.get(path, "ben")
    assert answer.status_code < 500 and SECRET not in answer.text and EARLIER not in answer.text
    hidden = clients.get("/console/tables/public.by_hand" + panel.format(dataset=dataset), "ben")
    assert hidden.status_code in (404, 422) and "by hand" not in hidden.text


def test_neither_a_count_nor_a_saved_view_tells_what_is_hidden(clients: Console) -> None:
    # the number of rows of another table's dataset, and a value that stands in the address of a shared view
    clients.load("hidden", "hidden_1.csv", "id\n" + "7\n" * 37, target_table="private.hidden", load_mode="append")
    clients.installation.sql("update dba.tusergroup set tables = '{public.clients}' where group_name = 'default'")
    try:
        page = clients.get(f"/console/tables/public.clients?dataset={clients.dataset('hidden')}", "ben")
        assert page.status_code == 200 and not re.search(r"\b37\b", page.text.partition("<main")[2])
        for name, arguments in (("by city", "column1=city&value1=Rome"), ("by mail", f"column1=email&value1={SECRET}")):
            view = {"table": "public.clients", "arguments": arguments, "name": name, "shared": "yes"}
            assert clients.post("/console/views", data=view).status_code == 303
        seen = {user: clients.get("/console/tables/public.clients", user).text for user in ("anna", "ben")}
        assert "by city" in seen["anna"] and "by mail" in seen["anna"]
        assert "by city" in seen["ben"] and "by mail" not in seen["ben"] and "zoe" not in seen["ben"]
        # a saved view belongs to whom saved it, and leads to no other site
        ((number,),) = clients.installation.sql("select saved_view_id from dba.tsavedview where name = 'by city'")
        assert clients.post(f"/console/views/{number}/delete", "ben").status_code == 404
        outside = {"table": "//evil.test/x", "arguments": "", "name": "x"}
        assert clients.post("/console/views", data=outside).status_code == 404
    finally:
        clients.installation.sql(
            "update dba.tusergroup set tables = '{targets,sales.*,visits.*}' where group_name = 'default'"
        )


def test_a_user_in_two_groups_sees_what_either_sees(clients: Console, group: str) -> None:
    allow(clients, tables=["public.clients"])
    clients.installation.sql("insert into dba.tusergroup (group_name, tables) values ('more', '{public.by_hand}')")
    clients.installation.sql("insert into dba.tgroupmember (group_name, user_name) values ('more', 'ben')")
    try:
        assert read_rows(clients, "public.by_hand")["note"] == "by hand"
        assert read_rows(clients, "public.v_mixed")["city"] == "Rome"
    finally:
        clients.installation.sql("delete from dba.tusergroup where group_name = 'more'")
