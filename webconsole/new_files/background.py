"""Start the processes that read added files: a few at a time, each with a limit."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from systemscripts import settings
from systemscripts.errors import MissingError
from webconsole.new_files import drafts
from webconsole.new_files.drafts import Draft

logger = logging.getLogger(__name__)

# the largest file takes some minutes; one that hangs must not hold its place
MAX_SECONDS = 1200
# each reads with up to two processes; the jobs need the processor, too
_pool = ThreadPoolExecutor(2, "console-new-file")
# draft -> number of its newest request, until that is done
_rounds: dict[str, int] = {}
_processes: dict[str, subprocess.Popen[bytes]] = {}
_lock = threading.Lock()


def start_work(draft: Draft, step: str) -> None:
    """Read the file again (`step` is found) or only try its load (tried), in the background."""
    draft.round += 1
    draft.save()
    if step == "found":
        (draft.folder / "found.json").unlink(missing_ok=True)
    (draft.folder / "tried.json").unlink(missing_ok=True)
    with _lock:
        _rounds[draft.draft_id] = draft.round
        if earlier := _processes.get(draft.draft_id):
            # its result would be of an older choice
            earlier.kill()
    _pool.submit(_run_child, draft.draft_id, draft.round, step)


def is_working(draft: Draft) -> bool:
    """Return whether a process reads or tries the file, or waits for its turn."""
    return draft.draft_id in _rounds


def _run_child(draft_id: str, round_number: int, step: str) -> None:
    if _rounds.get(draft_id) != round_number:
        return
    error = ""
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "webconsole.new_files.child", draft_id, step],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=settings.PROJECT,
            env=os.environ | {"PYTHONPATH": str(settings.PROJECT)}, process_group=0,
        )  # fmt: skip
        with _lock:
            _processes[draft_id] = process
        try:
            _, errors = process.communicate(timeout=MAX_SECONDS)
            if process.returncode:
                error = f"the process that read it ended with {process.returncode}"
                logger.error("console: new file %s: %s: %s", draft_id, error, errors.decode(errors="replace")[-2000:])
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            error = f"reading it took longer than {MAX_SECONDS // 60} minutes and was stopped"
    except OSError as problem:
        error = f"no process can be started: {problem.strerror}"
    if error:
        _record_failure(draft_id, round_number, step, error)
    with _lock:
        _processes.pop(draft_id, None)
        if _rounds.get(draft_id) == round_number:
            _rounds.pop(draft_id)


def _record_failure(draft_id: str, round_number: int, step: str, error: str) -> None:
    """Write the failure where the page looks for a result, unless there is one, or a newer request."""
    try:
        draft = drafts.load_draft(draft_id)
    except MissingError:
        return
    if draft.round != round_number:
        return
    name = "found" if step == "found" and not draft.config_name and draft.read_result("found") is None else "tried"
    if draft.read_result(name) is None:
        draft.write_result(name, {"error": error, "hint": "Try it with another sheet, encoding or header row."})
