"""Serve the web console: pages for people, JSON for programs."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from systemscripts.job import Summary, job

YEARS = 10 * 365 * 24.0  # in hours: a server has no time limit


def _demo(values: dict[str, Any]) -> int | None:
    if not values["demo"]:
        return None
    from demo.console import run

    return run(values["port"])


@job(lock="", alert=False, time_limit_hours=YEARS, run_instead=_demo)
def web_console(
    host: Annotated[str, typer.Option(help="Where to listen, instead of CONSOLE_HOST.")] = "",
    port: Annotated[int | None, typer.Option(help="The port, instead of CONSOLE_PORT; 0: a free one.")] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Try it on made-up data.")] = False,
) -> Summary:
    """Serve the web console until it is stopped (Ctrl-C, SIGTERM).

    It listens on 127.0.0.1 unless told otherwise. Who may sign in: console_user.py.

    Examples:
        web_console.py
        web_console.py --port 9000
        web_console.py --demo
    """
    from systemscripts import settings
    from systemscripts.job.signals_and_timeout import RunEnded
    from webconsole import server

    wanted = settings.current()
    try:
        server.serve(host or wanted.console_host, wanted.console_port if port is None else port)
    except RunEnded as ended:  # how a server ends
        return Summary(headline=f"the console was {ended.reason}")
    return Summary(headline="the console has ended")


if __name__ == "__main__":
    web_console.main()
