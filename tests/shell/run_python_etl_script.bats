#!/usr/bin/env bats
# The wrapper, with real processes, signals and files.

bats_require_minimum_version 1.5.0
load helper

setup() {
    make_project
    give_python
}

@test "runs a job from another directory, through a link, in a bare environment" {
    ln -s "$wrapper" "$BATS_TEST_TMPDIR/link"
    cd /
    run --separate-stderr env -i "$BATS_TEST_TMPDIR/link" say.py one 'two  blanks'
    [ "$status" -eq 0 ]
    [ "$output" = 'to stdout one two  blanks' ]
    [ "$stderr" = 'to stderr' ]
}

@test "a relative call and a completed path name the same job" {
    cd "$project"
    [ "$(./run_python_etl_script.sh say 2>/dev/null)" = 'to stdout' ]
    [ "$(bash run_python_etl_script.sh jobscripts/say.py 2>/dev/null)" = 'to stdout' ]
}

@test "the job gets the project, UTF-8 and files that only the group may read" {
    job look 'import os, sys; print(os.environ["PYTHONPATH"], sys.stdout.encoding, oct(os.umask(0)))'
    [ "$(env -i "$wrapper" look)" = "$project utf-8 0o7" ]
}

@test "an unknown script is named with the nearest one" {
    run --separate-stderr "$wrapper" sya
    [ "$status" -eq 2 ]
    [ "$(line_count "$stderr")" -eq 1 ]
    [[ $stderr == *'did you mean say?'* ]]
    run "$wrapper" ../../etc/passwd
    [ "$status" -eq 2 ]
}

@test "without a script it lists them; --help is not an error" {
    printf '# no cron log\n"""Says hello."""\n' >"$project/jobscripts/hello.py"
    run --separate-stderr "$wrapper"
    [ "$status" -eq 2 ]
    [[ $stderr == *'Usage: run_python_etl_script.sh SCRIPT'*hello*'Says hello.'*say* ]]
    run "$wrapper" --help
    [ "$status" -eq 0 ]
    [[ $output == *'Usage: '* ]]
}

@test "the exit code is the job's own" {
    job leave 'import sys; sys.exit(int(sys.argv[1]))'
    for code in 0 1 2 65 75 78; do
        run "$wrapper" leave "$code"
        [ "$status" -eq "$code" ]
        ETL_NO_CRON_LOG=1 run "$wrapper" leave "$code"
        [ "$status" -eq "$code" ]
    done
}

@test "off a terminal stdout stays stdout, stderr stays stderr, and both are in the cron log" {
    "$wrapper" say >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err"
    [ "$(<"$BATS_TEST_TMPDIR/out")" = 'to stdout' ]
    [ "$(<"$BATS_TEST_TMPDIR/err")" = 'to stderr' ]
    log=$(<"$project/logs/etl_cron.log")
    [[ $log == *'say started'* && $log == *'to stdout'* && $log == *'to stderr'* && $log == *'exit code 0'* ]]
    [ "$(stat -c %a "$project/logs/etl_cron.log")" = 660 ]
}

@test "what a job that cron starts runs by the wrapper is heard by that job" {
    job outer 'import subprocess, sys
inner = subprocess.run([sys.argv[1], "say"], capture_output=True, text=True)
open(sys.argv[2], "w").write(inner.stdout + inner.stderr)'
    ETL_CRON=1 run "$wrapper" outer "$wrapper" "$BATS_TEST_TMPDIR/heard"
    [ "$status" -eq 0 ]
    [ "$output" = '' ]
    [ "$(<"$BATS_TEST_TMPDIR/heard")" = $'to stdout\nto stderr' ]
}

@test "no byte of a large output is lost or changed" {
    job much 'import sys; sys.stdout.buffer.write(bytes(range(256)) * 20000)'
    "$wrapper" much | cmp - <("$project/.venv/bin/python" -c 'import sys; sys.stdout.buffer.write(bytes(range(256)) * 20000)')
}

@test "a reader that closes early does not end the job" {
    job long 'import pathlib, sys
for number in range(20000): print(number)
pathlib.Path(sys.argv[1]).touch()'
    "$wrapper" long "$BATS_TEST_TMPDIR/ended" | head -n 1
    [ -e "$BATS_TEST_TMPDIR/ended" ]
}

@test "ETL_NO_CRON_LOG and scripts whose output is data stay out of the cron log" {
    ETL_NO_CRON_LOG=1 "$wrapper" say
    job data '"""Prints a password."""
# no cron log: its output is data
print("secret")'
    [ "$("$wrapper" data)" = secret ]
    [ ! -e "$project/logs/etl_cron.log" ]
}

@test "on a terminal nothing is copied and the job sees the terminal" {
    type -P script || skip 'no script(1)'
    job terminal 'import sys; print(sys.stdin.isatty(), sys.stdout.isatty(), sys.stderr.isatty())'
    run script -qec "'$wrapper' terminal" /dev/null </dev/null
    [[ $output == *'True True True'* ]]
    [ ! -e "$project/logs/etl_cron.log" ]
}

@test "a job can read its standard input" {
    job echo 'import sys; print(sys.stdin.read().upper())'
    [ "$(printf 'hello' | "$wrapper" echo)" = HELLO ]
}

signal_job() {
    job stoppable 'import pathlib, signal, sys, time
def stop(number, frame):
    print("got", signal.Signals(number).name, flush=True)
    time.sleep(0.3)
    sys.exit(128 + number)
for name in ("SIGTERM", "SIGINT", "SIGHUP"):
    signal.signal(getattr(signal, name), stop)
pathlib.Path(sys.argv[1]).touch()
time.sleep(60)'
}

@test "TERM, INT and HUP reach the job, and the wrapper waits for it" {
    signal_job
    cat >"$BATS_TEST_TMPDIR/start.py" <<'PYTHON'
import os, signal, subprocess, sys, time
# A session of its own, as under cron: no terminal that sends signals itself.
process = subprocess.Popen(sys.argv[2:], start_new_session=True)
while not os.path.exists(sys.argv[-1]):
    time.sleep(0.05)
process.send_signal(getattr(signal, sys.argv[1]))
sys.exit(process.wait())
PYTHON
    for name in SIGTERM SIGINT SIGHUP; do
        run --separate-stderr "$project/.venv/bin/python" "$BATS_TEST_TMPDIR/start.py" "$name" \
            "$wrapper" stoppable "$BATS_TEST_TMPDIR/$name"
        [ "$output" = "got $name" ]
        [ "$status" -eq "$((128 + $(kill -l "${name#SIG}")))" ]
    done
}

@test "Ctrl-C on a terminal reaches the job once" {
    job once 'import pathlib, signal, sys, time
count = 0
def stop(number, frame):
    global count
    count += 1
signal.signal(signal.SIGINT, stop)
pathlib.Path(sys.argv[1]).touch()
end = time.monotonic() + 1.5
while time.monotonic() < end: time.sleep(0.1)
print("interrupted", count)
sys.exit(130)'
    cat >"$BATS_TEST_TMPDIR/terminal.py" <<'PYTHON'
import os, pty, sys, time
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
while not os.path.exists(sys.argv[3]):
    time.sleep(0.05)
os.write(terminal, b"\x03")
text = b""
try:
    while part := os.read(terminal, 1000):
        text += part
except OSError:
    pass
print(text.decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
PYTHON
    run "$project/.venv/bin/python" "$BATS_TEST_TMPDIR/terminal.py" "$wrapper" once "$BATS_TEST_TMPDIR/ready"
    [[ $output == *'interrupted 1'*130* ]]
}

@test "when the job is killed, its run is closed and the code still tells" {
    job die 'import os, signal; os.kill(os.getpid(), signal.SIGKILL)'
    run "$wrapper" die
    [ "$status" -eq 137 ]
    job close_interrupted_runs 'import pathlib, sys; pathlib.Path(__file__).with_suffix(".called").touch()'
    run "$wrapper" die
    [ "$status" -eq 137 ]
    [ -e "$project/jobscripts/close_interrupted_runs.called" ]
}

@test "a process that the job leaves behind does not hold the wrapper" {
    job leave_one 'import subprocess; subprocess.Popen(["sleep", "30"], start_new_session=True); print("done")'
    SECONDS=0
    timeout 20 "$wrapper" leave_one >"$BATS_TEST_TMPDIR/out" 3>&-
    [ "$(<"$BATS_TEST_TMPDIR/out")" = 'done' ]
    [ "$SECONDS" -lt 15 ]
}

@test "a folder that cannot be written is named with the command that fixes it, before any work" {
    job work 'import pathlib; pathlib.Path("/proc/self").resolve(); print("worked")'
    for folder in logs archive; do
        rm -rf "$project/logs" "$project/archive"
        mkdir -m 777 "$project/logs" "$project/archive"
        chmod 555 "$project/$folder"
        run --separate-stderr as_nobody "$wrapper" work
        [ "$status" -eq 78 ]
        [ "$output" = '' ]
        [ "$(line_count "$stderr")" -eq 1 ]
        [[ $stderr == *"$project/$folder cannot be written by"*'run: sudo ch'* ]]
    done
}

@test "folders are made in ETL_DATA_DIR, from the environment or the settings file" {
    data=$BATS_TEST_TMPDIR/data
    ETL_DATA_DIR=$data/one "$wrapper" say
    [ -d "$data/one/logs" ] && [ -d "$data/one/archive" ]
    mkdir "$project/config"
    printf 'DATABASE_URL="$(touch %s/evil)"\nexport ETL_DATA_DIR="%s/two words" # here\n' "$data" "$data" >"$project/config/.env"
    "$wrapper" say
    [ -d "$data/two words/logs" ]
    [ ! -e "$data/evil" ] && [ ! -e "$project/logs" ]
}

@test "a bad data folder is one line, not a trace" {
    run --separate-stderr env ETL_DATA_DIR=/proc/nowhere "$wrapper" say
    [ "$status" -eq 78 ]
    [ "$(line_count "$stderr")" -eq 1 ]
}

@test "of long output only the beginning is in the cron log, and the reader gets all of it" {
    printf '"""Counts."""\nfor number in range(100_000):\n    print(number)\n' >"$project/jobscripts/count.py"
    [[ $("$wrapper" count | tail -n 1) == 99999 ]]
    local -r log=$project/logs/etl_cron.log
    (($(stat -c %s "$log") < 300000))
    grep -q 'the rest of this output is not kept here' "$log"
    grep -q 'count ended with exit code 0' "$log"
    # a reader that stops reading gets no complaint, and the job goes on to its end
    run bash -c "'$wrapper' count 2>&1 | head -n 1"
    [[ $output == 0 ]]
}
