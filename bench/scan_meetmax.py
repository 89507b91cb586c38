"""Compares a scan of the local copy of a MeetMax site with a bare Scrapy spider on the same pages.

    .venv/bin/python -m bench.scan_meetmax --ids 2000

Both request the same pages without a delay, one request at a time, in turns, each in a process of its own. The bare
spider parses and stores nothing. Prints the ratio of the median rates and the peak memory of both.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from demo.meetmax_server import MeetMaxServer

FIRST = 119_000
OURS = """
import sys
from pathlib import Path
from systemscripts.sources.meetmax.spider import scan
base, path, first, count = sys.argv[1:]
outcome = scan(list(range(int(first), int(first) + int(count))), base, Path(path), delay_seconds=0)
assert outcome.complete, outcome
"""
BARE = """
import sys
import scrapy
from scrapy.crawler import CrawlerProcess
base, path, first, count = sys.argv[1:]
class Bare(scrapy.Spider):
    name = "bare"
    seen = 0
    async def start(self):
        for event in range(int(first), int(first) + int(count)):
            yield scrapy.Request(base.format(id=event) + "__co-list_cp.html")
    def parse(self, response):
        self.seen += 1
process = CrawlerProcess({"LOG_ENABLED": False, "CONCURRENT_REQUESTS": 1, "DOWNLOAD_DELAY": 0,
                          "CONCURRENT_REQUESTS_PER_DOMAIN": 1, "ROBOTSTXT_OBEY": True, "TELNETCONSOLE_ENABLED": False})
process.crawl(Bare)
process.start()
"""
PEAK = "\nimport resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)\n"


def run_scan(script: str, base: str, folder: Path, count: int) -> tuple[float, int]:
    """Run one scan in a process of its own; return ids per second and peak memory in MB."""
    path = folder / f"results_{time.monotonic_ns()}.jsonl"
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", script + PEAK, base, str(path), str(FIRST), str(count)], capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode:
        sys.exit(done.stderr)
    return count / (time.perf_counter() - begun), int(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Measure both in turns and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ids", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    ours, bare = [], []
    with tempfile.TemporaryDirectory() as name, MeetMaxServer(hiccups={}) as site:
        for _ in range(options.repeats):
            bare.append(run_scan(BARE, site.base_url, Path(name), options.ids))
            ours.append(run_scan(OURS, site.base_url, Path(name), options.ids))
    for title, results in (("bare Scrapy spider", bare), ("meetmax scan", ours)):
        rates = ", ".join(f"{rate:.0f}" for rate, _ in results)
        print(f"{title}: {rates} ids per second, {max(memory for _, memory in results)} MB")
    ratio = statistics.median(rate for rate, _ in ours) / statistics.median(rate for rate, _ in bare)
    print(f"rate of the scan to the bare spider's: {ratio:.2f}")


if __name__ == "__main__":
    main()
