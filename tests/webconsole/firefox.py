"""Debian's Firefox, driven over WebDriver BiDi (w3.org/TR/webdriver-bidi), which it speaks itself without a driver."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

FIREFOX = Path("/usr/bin/firefox-esr")
# a loaded machine takes long to start a browser
START_SECONDS = 90


class Firefox:
    """One page of a running Firefox; `errors`: what its scripts complained about."""

    def __init__(self, port: int) -> None:
        self._loop = asyncio.new_event_loop()
        self._number = 0
        self.errors: list[str] = []
        self._open(port)

    def _open(self, port: int) -> None:
        async def connect() -> None:
            self._session = aiohttp.ClientSession()
            self._socket = await self._session.ws_connect(f"ws://127.0.0.1:{port}/session", max_msg_size=0)

        self._loop.run_until_complete(connect())
        self.send("session.new", capabilities={})
        self.send("session.subscribe", events=["log.entryAdded"])
        self._context = self.send("browsingContext.getTree")["contexts"][0]["context"]

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its result."""
        self._number += 1
        command = {"id": self._number, "method": method, "params": parameters}

        async def ask() -> dict[str, Any]:
            await self._socket.send_json(command)
            while True:
                answer = await asyncio.wait_for(self._socket.receive_json(), 60)
                if answer.get("id") == self._number:
                    assert answer["type"] == "success", answer
                    result: dict[str, Any] = answer["result"]
                    return result
                if answer.get("method") == "log.entryAdded" and answer["params"]["level"] == "error":
                    self.errors.append(answer["params"]["text"])

        return self._loop.run_until_complete(ask())

    def go(self, address: str) -> None:
        self.send("browsingContext.navigate", context=self._context, url=address, wait="complete")

    def run(self, script: str) -> Any:
        """Run an expression in the page and return its value."""
        result = self.send("script.evaluate", expression=script, target={"context": self._context}, awaitPromise=True)
        assert result["type"] == "success", result
        return result["result"].get("value")

    def wait_for(self, condition: str) -> None:
        """Wait until an expression of the page is true."""
        until = time.monotonic() + 30
        while not self.run(f"Boolean({condition})"):
            assert time.monotonic() < until, f"{condition}: {self.text()[:500]}"
            time.sleep(0.1)

    def click(self, words: str) -> None:
        """Click the first link or button that says this, and wait until another page is there."""
        found = f"[...document.querySelectorAll('a, button')].find(box => box.innerText.trim() === {words!r})"
        self.wait_for(found)
        self.run("document.documentElement.dataset.old = 'yes'")
        self.run(f"setTimeout(() => {found}.click(), 0)")
        self.wait_for(
            "document.documentElement && !document.documentElement.dataset.old && document.readyState === 'complete'"
        )

    def fill(self, identifier: str, text: str) -> None:
        self.run(f"document.getElementById({identifier!r}).value = {text!r}")

    def text(self) -> str:
        return str(self.run("document.body.innerText"))

    def close(self) -> None:
        async def end() -> None:
            await self._socket.close()
            await self._session.close()

        self._loop.run_until_complete(end())
        self._loop.close()


@contextlib.contextmanager
def start_firefox(folder: Path) -> Iterator[Firefox]:
    """Start Firefox without a window; skips where there is none, unless services are required."""
    if not FIREFOX.exists() and os.environ.get("REQUIRE_SERVICES") != "1":
        pytest.skip("no Firefox here")
    profile = folder / "profile"
    profile.mkdir()
    output = folder / "firefox.out"
    environment = {**os.environ, "HOME": str(folder), "MOZ_DISABLE_CONTENT_SANDBOX": "1"}
    with output.open("w") as stream:
        process = subprocess.Popen(
            [str(FIREFOX), "--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port", "0",
             "about:blank"],
            stdout=stream, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=environment,
        )  # fmt: skip
    try:
        until = time.monotonic() + START_SECONDS
        while not (match := re.search(r"BiDi listening on ws://127\.0\.0\.1:(\d+)", output.read_text())):
            assert process.poll() is None and time.monotonic() < until, output.read_text()[-2000:]
            time.sleep(0.1)
        browser = Firefox(int(match[1]))
        try:
            yield browser
        finally:
            browser.close()
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()
        process.wait()
