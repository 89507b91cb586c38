#!/usr/bin/env bats
# The installation of the Python environment, really done, with a package that needs no network.

bats_require_minimum_version 1.5.0
load helper

setup() {
    make_project
    make_package
    install=$project/install_dependencies.sh
    # Where the tests' own environment has uv, it saves most of the time; without uv, pip is tried alone.
    [[ ! -x ${TEST_UV:-} ]] || stub uv "exec '$TEST_UV' \"\$@\""
    uv --version || export ETL_NO_UV=1
    export PYTHON=${TEST_PYTHON:-}
}

answer() {
    "$project/.venv/bin/python" -c 'import tiny_package; print(tiny_package.ANSWER)'
}

@test "makes the environment with byte code, and leaves it alone the second time" {
    run "$install" --python-only
    [ "$status" -eq 0 ]
    [ "$(answer)" = 42 ]
    compgen -G "$project/.venv/lib/python3*/site-packages/__pycache__/tiny_package*.pyc"
    before=$(stat -c %Y.%i "$project/.venv/pyvenv.cfg")
    run "$install" --python-only
    [ "$output" = 'Python environment: complete' ]
    [ "$(stat -c %Y.%i "$project/.venv/pyvenv.cfg")" = "$before" ]
}

@test "the wrapper makes the environment by itself, and says so on stderr" {
    job answer 'import tiny_package; print(tiny_package.ANSWER)'
    run --separate-stderr env HOME=/nonexistent "$wrapper" answer
    [ "$status" -eq 0 ]
    [ "$output" = 42 ]
    [[ $stderr == *'creating '*'/.venv with Python'* ]]
}

@test "changed requirements are brought in at the next start" {
    package=$(<"$lock")
    printf '# nothing\n' >"$lock"
    give_python
    rm -rf "$project/.venv"
    "$install" --python-only
    printf '%s\n' "$package" >"$lock"
    touch -d '2020-01-01' "$lock" # also where the file looks old
    "$wrapper" say 2>&1 | grep 'updating .*with Python'
    [ "$(answer)" = 42 ]
}

@test "an installation that was killed leaves nothing that counts, and the next one clears it away" {
    # A program of this name makes the environment for uv and pip alike: it begins, and hangs until it is killed.
    real=${TEST_PYTHON:-$(type -P python3)}
    export ETL_NO_UV=1
    stub slow_python "[[ \$1 != -m ]] || { mkdir -p \"\$3/bin\"; ln -s '$real' \"\$3/bin/python\"; touch '$BATS_TEST_TMPDIR/begun'; sleep 60; }
[[ \$1 != -I ]] || { printf '%s 3.11 True\n' '$BATS_TEST_TMPDIR/bin/slow_python'; exit; }
exec '$real' \"\$@\""
    PYTHON=slow_python setsid "$install" --python-only >/dev/null 2>&1 3>&- &
    until [ -e "$BATS_TEST_TMPDIR/begun" ]; do sleep 0.05; done
    kill -KILL -- "-$!"
    [ ! -e "$project/.venv" ]
    unset ETL_NO_UV
    run "$install" --python-only
    [ "$status" -eq 0 ]
    [ "$(answer)" = 42 ]
    [ "$(find "$project/.venvs" -mindepth 1 -maxdepth 1 | wc -l)" -eq 1 ]
}

@test "a new environment takes the place of the old one, in which what runs goes on" {
    job wait 'import pathlib, sys, time
pathlib.Path(sys.argv[1]).touch()
while not pathlib.Path(sys.argv[2]).exists(): time.sleep(0.05)
import tiny_package
print(tiny_package.ANSWER)'
    "$wrapper" wait "$BATS_TEST_TMPDIR/running" "$BATS_TEST_TMPDIR/go" >"$BATS_TEST_TMPDIR/out" 2>/dev/null 3>&- &
    until [ -e "$BATS_TEST_TMPDIR/running" ]; do sleep 0.05; done
    package=$(<"$lock")
    for comment in one two; do
        printf '# %s\n' "$comment" >"$lock"
        "$install" --python-only
    done
    touch "$BATS_TEST_TMPDIR/go"
    wait "$!"
    [ "$(<"$BATS_TEST_TMPDIR/out")" = 42 ]
    [ "$(answer)" = 42 ] # installed beside the requirements now, so it came along
    printf '%s\n' "$package" >"$lock"
    "$install" --python-only
    [ "$(find "$project/.venvs" -mindepth 1 -maxdepth 1 -type d | wc -l)" -eq 2 ] # the present one and the one before
}

@test "an environment of an older version, a folder, is replaced; where that fails it stays and works" {
    "$install" --python-only
    cp -rL "$project/.venv" "$BATS_TEST_TMPDIR/folder"
    rm -rf "$project/.venv" "$project/.venvs"
    mv "$BATS_TEST_TMPDIR/folder" "$project/.venv"
    wheel=$(<"$lock")
    lock_wheel "$BATS_TEST_TMPDIR/no_such-1.0-py3-none-any.whl" >"$lock"
    run "$install" --python-only
    [ "$status" -eq 75 ]
    [ -d "$project/.venv" ] && [ ! -L "$project/.venv" ]
    [ "$(answer)" = 42 ]
    printf '%s\n# changed\n' "$wheel" >"$lock"
    "$install" --python-only
    [ -L "$project/.venv" ]
    [ "$(answer)" = 42 ]
}

@test "a package that the requirements no longer name does not come along" {
    "$install" --python-only
    printf 'tiny_package==1.0\n' >"$project/.venv/.requirements-base.txt" # as other projects name what they need
    printf '# nothing\n' >"$lock"
    "$install" --python-only
    run answer
    [ "$status" -ne 0 ]
}

@test "an environment that a killed swap has put aside comes back, and stays where nothing can be installed" {
    "$install" --python-only
    cp -rL "$project/.venv" "$BATS_TEST_TMPDIR/folder"
    rm -rf "$project/.venv" "$project/.venvs"/*
    mv "$BATS_TEST_TMPDIR/folder" "$project/.venvs/before"
    lock_wheel "$BATS_TEST_TMPDIR/no_such-1.0-py3-none-any.whl" >"$lock"
    run "$install" --python-only
    [ "$status" -eq 75 ]
    [ "$(answer)" = 42 ]
}

@test "a package whose files were deleted is installed again" {
    "$install" --python-only
    rm "$project"/.venv/lib/python3*/site-packages/tiny_package.py
    rm -rf "$project"/.venv/lib/python3*/site-packages/__pycache__
    "$install" --python-only
    [ "$(answer)" = 42 ]
}

@test "two at once: the second waits and finds it done" {
    "$install" --python-only >"$BATS_TEST_TMPDIR/one" 2>&1 3>&- &
    first=$!
    "$install" --python-only >"$BATS_TEST_TMPDIR/two" 2>&1
    wait "$first"
    [ "$(cat "$BATS_TEST_TMPDIR"/{one,two} | grep -c 'creating')" -eq 1 ]
    [ "$(answer)" = 42 ]
}

@test "an empty or unwritable home does not matter, nor does uv" {
    for choice in ' 0' '/nonexistent 0' '/nonexistent 1'; do
        [[ $choice == *1 ]] || uv --version || continue
        rm -rf "$project/.venv"
        HOME=${choice% *} ETL_NO_UV=${choice#* } run "$install" --python-only
        [ "$status" -eq 0 ]
        [ "$(answer)" = 42 ]
        [ ! -e "$project/.venv/.cache" ]
    done
}

@test "a Python that cannot make environments: one line with the package to install" {
    real=${TEST_PYTHON:-$(type -P python3)}
    # Debian's python3 without python3-venv has no ensurepip.
    export ETL_NO_UV=1 # uv could do without
    stub bare_python "exec '$real' -I -c 'import sys; sys.modules[\"ensurepip\"] = None; exec(sys.argv[1])' \"\${@: -1}\""
    PYTHON=bare_python run --separate-stderr "$install" --python-only
    [ "$status" -eq 78 ]
    [ "$(line_count "$stderr")" -eq 1 ]
    [[ $stderr =~ 'sudo apt install python3.'[0-9]+'-venv' ]]
}

@test "no Python that is new enough: one line" {
    for name in python3.12 python3.13 python3.11 python3; do
        stub "$name" 'exit 127' # as version managers leave them
    done
    unset PYTHON
    # Without the system's own folder, of which only what the script needs is kept.
    for name in bash cat cp cmp flock id mkdir mv printf readlink rm stat tr; do
        ln -sf "$(type -P "$name")" "$BATS_TEST_TMPDIR/bin/$name"
    done
    run --separate-stderr env PATH="$BATS_TEST_TMPDIR/bin" "$install" --python-only
    [ "$status" -eq 78 ]
    [ "$(line_count "$stderr")" -eq 1 ]
    [[ $stderr == *'no Python 3.11 or newer found'* ]]
}

@test "packages that cannot be had: one line, the details in the log, and the next try starts again" {
    wheel=$BATS_TEST_TMPDIR/tiny_package-1.0-py3-none-any.whl
    mv "$wheel" "$wheel.away"
    run --separate-stderr "$install" --python-only
    [ "$status" -eq 75 ]
    [ "$(line_count "$stderr")" -eq 1 ]
    log=$project/var/install.log
    ((EUID != 0)) || log=/var/log/client_etl_workflow/install.log
    [[ $stderr == *"$log"* ]]
    grep tiny_package "$log"
    mv "$wheel.away" "$wheel"
    "$install" --python-only
    [ "$(answer)" = 42 ]
}

@test "--dry-run changes nothing" {
    run "$install" --python-only --dev --dry-run
    [ "$status" -eq 0 ]
    [[ $output == *'would create'*'requirements/: base web demo dev'* ]]
    [ ! -e "$project/.venv" ] && [ ! -e "$project/var" ]
    type -P apt-get || skip 'no apt'
    run "$install" --dry-run
    [ "$status" -eq 0 ]
    [ ! -e "$project/.venv" ] && [ ! -e "$project/var" ]
}

@test "a project that cannot be written: one line" {
    chmod 555 "$project"
    run --separate-stderr as_nobody "$install" --python-only
    chmod 755 "$project"
    [ "$status" -eq 78 ]
    [ "$(line_count "$stderr")" -eq 1 ]
    [[ $stderr == *'cannot be written by'* ]]
}

@test "help comes from the header; an unknown argument is wrong usage" {
    run "$install" --help
    [ "$status" -eq 0 ]
    [[ $output == *'--python-only'* ]]
    run "$install" --pyton-only
    [ "$status" -eq 2 ]
}

@test "on a desktop DBeaver is installed where the archive has it, else there is a pointer" {
    type -P apt-get || skip 'no apt'
    stub dpkg-query 'printf "install ok installed"; [[ ${*: -1} != dbeaver-ce ]]'
    stub apt-cache 'exit 1'
    run env -u WAYLAND_DISPLAY DISPLAY=:0 "$install" --dry-run
    [[ $output == *'DBeaver, to look at the data'*'dbeaver.io'* ]]
    stub apt-cache '[[ $2 == dbeaver-ce ]]'
    stub dpkg-query '[[ ${*: -1} == dbeaver-ce ]] || printf "install ok installed"'
    run env -u WAYLAND_DISPLAY DISPLAY=:0 "$install" --dry-run
    [[ $output == *'would install the system packages: dbeaver-ce'* ]]
    [[ $output != *'dbeaver.io'* ]]
}

@test "it takes the Python that the archive of each system has" {
    type -P apt-get || skip 'no apt'
    stub dpkg-query 'exit 1'
    # Ubuntu 24.04 and Mint 22, Debian 13, Debian 12, Ubuntu 26.04, which has another one alone
    for version in 3.12 3.13 3.11 3; do
        stub apt-cache "[[ \$2 == python$version-venv ]]"
        run env -u DISPLAY -u WAYLAND_DISPLAY "$install" --dry-run
        [ "$status" -eq 0 ]
        [[ $output == *"postgresql postgresql-client python$version python$version-venv git openssh-client openssh-server cron"* ]]
    done
}

@test "a package that is not the one of the lock is not installed" {
    sed 's/sha256:../sha256:00/' "$lock" >"$lock.new"
    mv "$lock.new" "$lock"
    for choice in 0 1; do
        [[ $choice == 1 ]] || uv --version || continue
        ETL_NO_UV=$choice run "$install" --python-only
        [ "$status" -eq 75 ]
        [ ! -e "$project/.venv" ]
    done
}

@test "demo servers come with the first demo, stay, and do not come without one" {
    mv "$lock" "$project/requirements/demo.txt"
    printf '# nothing\n' >"$lock"
    job show 'import importlib.util, sys; print(importlib.util.find_spec("tiny_package") is not None)'
    run --separate-stderr "$wrapper" show
    [ "$output" = False ]
    run --separate-stderr "$wrapper" show --demo
    [ "$output" = True ]
    printf '# changed\n' >"$lock"
    run --separate-stderr "$wrapper" show
    [ "$output" = True ]
    "$install" --python-only --without demo
    [ ! -e "$project/.venv/.requirements-demo.txt" ]
    run "$install" --python-only --with dmeo
    [ "$status" -eq 2 ]
}
