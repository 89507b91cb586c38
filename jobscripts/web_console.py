"""Serve the web console: pages for people, JSON for programs."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from systemscripts.job import Summary, job

# Ten years: a server has no time limit.
NO_LIMIT_HOURS = 10 * 365 * 24.0


def _run_demo(values: dict[str, Any]) -> int | None:
    if not values["demo"]:
        return None
    from demo.console import run

    return run(values["port"])


@job(lock="", alert=False, time_limit_hours=NO_LIMIT_HOURS, run_instead=_run_demo)
def web_console(
    host: Annotated[str, typer.Option(help="Address to listen on, instead of CONSOLE_HOST.")] = "",
    port: Annotated[int | None, typer.Option(help="Port, instead of CONSOLE_PORT; 0: any free one.")] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Try it on generated data.")] = False,
) -> Summary:
    """Serve the web console until it is stopped (Ctrl-C, SIGTERM).

    It listens on 127.0.0.1 by default. console_user.py manages who may sign in.

    Examples:
        web_console.py
        web_console.py --port 9000
        web_console.py --demo
    """
    from systemscripts import settings
    from systemscripts.job.signals_and_timeout import RunEnded
    from webconsole import server

    current_settings = settings.current()
    try:
        server.serve(host or current_settings.console_host, current_settings.console_port if port is None else port)
    # a server ends with a signal
    except RunEnded as ended:
        return Summary(headline=f"the console was {ended.reason}")
    return Summary(headline="the console has ended")


if __name__ == "__main__":
    web_console.main()
