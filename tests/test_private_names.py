"""Private names of libraries that the suite rests on: each is named here, with what breaks when a new version drops it.

Run this first after a version of paramiko, waitress, urllib3 or pyspark in requirements/ was raised.
"""

from __future__ import annotations

import ast
import atexit
import inspect
from collections.abc import Callable
from typing import Any

import paramiko
import pytest
import urllib3
import waitress.adjustments
import waitress.channel
import waitress.server
import waitress.task

from tests.conftest import PROJECT

pytestmark = pytest.mark.fast

SFTP_READS = "systemscripts/ssh/read_blocks.py: a cut connection looks like the end of a file again"
SFTP_LISTS = "systemscripts/ssh/remote.py: one name that is not UTF-8 hides a whole folder again"
SFTP_COPIES = "systemscripts/ssh/requests.py: files arrive at half the speed again"
ADDRESSES = "systemscripts/http_client/checked_adapter.py: addresses are no longer checked before the first byte"
LANES = "webconsole/server.py: slow downloads stop the pages of others again"
CUT_OFF = "webconsole/server.py: a request that is too large gets a bare page instead of the console's answer"
SLOW_REQUESTS = "webconsole/server.py: a request sent letter by letter holds its connection for ever"
LAST_WORDS = "systemscripts/job/__init__.py: what libraries do at the end of a process is left out"
# owner, name, parameters that are given (None: an attribute), what breaks without it
NEEDED: list[tuple[Any, str, list[str] | None, str]] = [
    (paramiko.SFTPClient, "_async_request", ["self", "fileobj", "t"], SFTP_READS),
    (paramiko.SFTPClient, "_read_response", ["self"], SFTP_READS),
    (paramiko.SFTPClient, "_convert_status", ["self", "msg"], SFTP_READS),
    # called by _read_response for what _async_request asked: ours has the same name and parameters
    (paramiko.SFTPFile, "_async_response", ["self", "t", "msg", "num"], SFTP_READS),
    # replaced by ours
    (paramiko.SFTPClient, "_read_packet", ["self"], SFTP_COPIES),
    (paramiko.SFTPClient, "_read_all", ["self", "n"], SFTP_COPIES),
    (paramiko.SFTPClient, "_request", ["self", "t"], SFTP_LISTS),
    (paramiko.SFTPAttributes, "_from_msg", ["msg"], SFTP_LISTS),
    (urllib3.connection.HTTPConnection, "_new_conn", ["self"], ADDRESSES),
    (urllib3.connection.HTTPSConnection, "_new_conn", ["self"], ADDRESSES),
    (urllib3.connectionpool.HTTPConnectionPool, "ConnectionCls", None, ADDRESSES),
    (urllib3.PoolManager(), "pool_classes_by_scheme", None, ADDRESSES),
    (waitress.server.create_server, "", ["application", "map", "_dispatcher"], LANES),
    (waitress.server.BaseWSGIServer, "channel_class", None, LANES),
    (waitress.channel.HTTPChannel, "task_class", None, LANES),
    (waitress.channel.HTTPChannel, "requests", None, LANES),
    (waitress.task.ThreadedTaskDispatcher, "add_task", ["self", "task"], LANES),
    (waitress.task.ThreadedTaskDispatcher, "shutdown", ["self", "cancel_pending", "timeout"], LANES),
    (waitress.task.ThreadedTaskDispatcher, "set_thread_count", ["self", "count"], LANES),
    (waitress.task.WSGITask, "start", ["self"], LANES),
    (waitress.adjustments.Adjustments, "outbuf_high_watermark", None, LANES),
    (waitress.channel.HTTPChannel, "error_task_class", None, CUT_OFF),
    (waitress.channel.HTTPChannel, "received", ["self", "data"], SLOW_REQUESTS),
    (waitress.channel.HTTPChannel, "request", None, SLOW_REQUESTS),
    (waitress.channel.HTTPChannel, "will_close", None, SLOW_REQUESTS),
    (atexit, "_run_exitfuncs", None, LAST_WORDS),
]
# pyspark is not installed everywhere; systemscripts/marts/engines/spark.py names its log level's class by it
OPTIONAL = {"_jsc"}
# methods that ours replaces, or calls by `self`
OURS = {"_async_response", "_new_conn", "_read_packet", "_read_all"}
# documented in spite of their names
PUBLIC = {"_exit", "_replace"}


@pytest.mark.parametrize(("owner", "name", "parameters", "breaks"), NEEDED)
def test_a_name_that_the_suite_rests_on_is_there(
    owner: Any, name: str, parameters: list[str] | None, breaks: str
) -> None:
    actual = getattr(owner, name, None) if name else owner
    if parameters is None:
        # some are set by the constructor alone
        assert name in dir(owner) or f"self.{name} =" in inspect.getsource(owner), breaks
        return
    assert isinstance(actual, Callable), breaks  # type: ignore[arg-type]
    there = iter(inspect.signature(actual).parameters)
    # in this order, others may stand between
    assert all(parameter in there for parameter in parameters), breaks


def test_every_private_name_of_a_library_in_the_product_is_in_the_list() -> None:
    used: dict[str, str] = {}
    for folder in ("systemscripts", "webconsole", "jobscripts", "demo"):
        for path in (PROJECT / folder).rglob("*.py"):
            tree = ast.parse(path.read_text())
            own = {
                node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)
            } | {
                node.attr for node in ast.walk(tree)
                if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("self", "cls")
            }  # fmt: skip
            for node in ast.walk(tree):
                name = (
                    node.attr if isinstance(node, ast.Attribute) else node.arg if isinstance(node, ast.keyword) else ""
                )
                if (name or "").startswith("_") and not name.startswith("__") and name not in own:  # type: ignore[union-attr]
                    used[str(name)] = f"{path.relative_to(PROJECT)}:{node.lineno}"  # type: ignore[union-attr]
    listed = {name for _, name, _, _ in NEEDED} | {"_dispatcher"}
    assert {name: where for name, where in used.items() if name not in listed | OPTIONAL | PUBLIC} == {}
    assert {name for name in listed if name.startswith("_")} - OURS <= set(used)
