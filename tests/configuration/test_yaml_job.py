"""YAML jobs: every mistake at once, with its line, what was expected and the nearest key."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from systemscripts.configuration import yaml_job
from systemscripts.configuration.yaml_documents import FaultsError
from systemscripts.errors import ConfigurationError

pytestmark = pytest.mark.fast

TWELVE = """\
source:
  - type: local
sources:
  - type: lokal
    path: ./incoming
  - type: api
    ulr: https://example.test/data
    paging: {style: pages}
    limits: {attempts: many}
  - type: sftp
    sftp: {hots: localhost, port: 2222, username: foo, remote_path: /upload/sample.csv}
target: {tabel: public.orders}
schema:
  order_id: whole number
  amount: {type: numeric, decimals: ","}
strict_mode: perhaps
load_mode: newrows
max_reject_rate: 2
start_time: tomorrow morning
"""
EXPECTED = [
    (1, "source is not a key, did you mean sources?"),
    (4, "sources.0.type expected 'api', 'archive'"),
    (4, "did you mean local?"),
    (7, "sources.1.ulr is not a key, did you mean url?"),
    (6, "sources.1.url is missing"),
    (8, "sources.1.paging.style expected 'none', 'odata', 'skip', 'page', 'offset',"),
    (9, "sources.1.limits.attempts"),
    (11, "sources.2.hots is not a key, did you mean host?"),
    (12, "target.tabel is not a key, did you mean table?"),
    (14, "schema.order_id.type expected 'text', 'integer'"),
    (15, "schema.amount.decimals is not a key, did you mean decimal?"),
    (16, "strict_mode expected a valid boolean"),
    (17, "load_mode expected 'snapshot', 'append', 'upsert' or 'new_rows', not 'newrows', did you mean new_rows?"),
    (18, "max_reject_rate expected less than or equal to 1, not 2"),
    (19, "start_time expected a time such as 2026-01-05 02:00, not 'tomorrow morning'"),
]


def test_twelve_planted_mistakes_are_named_at_once(tmp_path: Path) -> None:
    path = tmp_path / "orders.yaml"
    path.write_text(TWELVE)
    with pytest.raises(ConfigurationError) as caught:
        yaml_job.read_job(path)
    actual = str(caught.value).split("; ")
    for line, text in EXPECTED:
        assert any(item.startswith(f"{path} line {line}: ") and text in item for item in actual), (line, text, actual)


def test_a_schedule_that_ends_before_it_begins_and_two_tables_are_named(tmp_path: Path) -> None:
    path = tmp_path / "orders.yaml"
    path.write_text(
        "sources: [{type: local}]\ntarget: {table: public.a}\ntarget_table: public.b\n"
        'start_time: "2026-01-05 06:00"\nend_time: "2026-01-05 02:00"\n'
    )
    with pytest.raises(
        ConfigurationError,
        match="line 5: end_time expected a time after start_time 2026-01-05 06:00, not '2026-01-05 02:00'",
    ) as caught:
        yaml_job.read_job(path)
    assert "line 3: target_table is given twice" in str(caught.value)


def faults_of(path: Path, text: str) -> list[str]:
    path.write_text(text)
    with pytest.raises(FaultsError) as caught:
        yaml_job.read_job(path)
    return [fault.removeprefix(f"{path} ") for fault in caught.value.faults]


def test_a_variable_beside_a_mistake_hides_no_mistake(tmp_path: Path) -> None:
    text = """\
sources:
  - {type: api, ulr: "https://example.test", tokn: "${SOURCE_TOKEN}"}
  - {type: sftp, user: foo, pasword: "${SOURCE_PASSWORD}"}
target: {table: public.a}
"""
    assert faults_of(tmp_path / "orders.yaml", text) == [
        "line 2: sources.0.tokn is not a key, did you mean token?",
        "line 2: sources.0.ulr is not a key, did you mean url?",
        "line 2: sources.0.url is missing",
        "line 3: sources.1.host is missing",
        "line 3: sources.1.pasword is not a key, did you mean password?",
    ]


def test_a_key_given_twice_is_named_beside_the_others(tmp_path: Path) -> None:
    text = "sources: [{type: local}]\nsources: [{type: lokal}]\ntarget: {table: public.a}\nschema: {a: text, a: txt}\n"
    faults = faults_of(tmp_path / "orders.yaml", text)
    assert [fault.split(" expected")[0] for fault in faults] == [
        "line 2: sources is given twice", "line 2: sources.0.type", "line 4: a is given twice", "line 4: schema.a.type"
    ]  # fmt: skip


def test_no_secret_is_named_in_a_mistake(tmp_path: Path) -> None:
    text = """\
sources:
  - {type: sftp, host: a, user: b, password: [98761234]}
  - {type: api, url: "ftp://a/b", token: hunter2, authentication: {type: api_key, key: 55556666}}
target: {table: public.a}
"""
    faults = faults_of(tmp_path / "orders.yaml", text)
    assert "line 2: sources.0.password expected a valid string" in faults
    assert any(
        "url expected an address that begins with https:// or http://, not 'ftp://a/b'" in item for item in faults
    )
    assert not any(secret in str(faults) for secret in ("98761234", "hunter2", "55556666"))


def test_a_variable_may_be_named_without_its_prefix(tmp_path: Path) -> None:
    path = tmp_path / "orders.yaml"
    path.write_text(
        'sources: [{type: api, url: "https://a.test/${PART}", token: "${API_TOKEN}"}]\ntarget: {table: public.a}\n'
    )
    options = yaml_job.read_job(path)[0].sources[0].options
    assert options == {"url": "https://a.test/${SOURCE_PART}", "token": "${SOURCE_API_TOKEN}"}


@pytest.mark.parametrize(
    "content", ["", "- a\n", "a: [1\n", "a: 1\na: 2\n", "{a: !!python/object/apply:os.system [ls]}\n"]
)
def test_what_is_no_yaml_of_keys_is_one_line(tmp_path: Path, content: str) -> None:
    path = tmp_path / "orders.yaml"
    path.write_text(content)
    with pytest.raises(ConfigurationError) as caught:
        yaml_job.read_job(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "folder", "taken", "left"),
    [
        ("./incoming/*.csv", "./incoming", "a.csv", "a.csv.gz"),
        ("/srv/in/orders_??.txt", "/srv/in", "orders_12.txt", "orders_1.txt"),
        ("in/a.csv", "in", "a.csv", "aXcsv"),
    ],
)
def test_a_path_may_name_one_file_or_those_that_fit(
    tmp_path: Path, path: str, folder: str, taken: str, left: str
) -> None:
    file = tmp_path / "orders.yaml"
    login = "host: h, username: u, agent: true"
    sources = f"{{type: local, path: '{path}'}}, {{type: sftp, sftp: {{{login}, remote_path: '{path}'}}}}"
    file.write_text(f"sources: [{sources}]\ntarget: {{table: public.a}}\n")
    for source in yaml_job.read_job(file)[0].sources:
        assert source.options["path"] == folder
        pattern = source.options["pattern"]
        assert re.fullmatch(pattern, taken) and not re.fullmatch(pattern, left)
