# What the .bats files share: small projects that stand alone, with the real shell scripts and tiny jobs.

SOURCE=$(cd -P -- "${BATS_TEST_DIRNAME}/../.." && pwd)
readonly SOURCE

make_project() { # leaves $project, in a folder with a blank in its name
    project="$BATS_TEST_TMPDIR/a project"
    mkdir -p "$project/jobscripts" "$project/systemscripts"
    chmod 755 "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test" "$BATS_TEST_TMPDIR" "$project" # for ordinary users
    cp "$SOURCE"/{run_python_etl_script,install_dependencies}.sh "$project"
    cp -r "$SOURCE"/systemscripts/{shell,last_resort} "$project/systemscripts"
    mkdir "$project/requirements"
    cp "$SOURCE/requirements/uv.txt" "$project/requirements"
    for part in base web demo dev; do printf '# nothing\n' >"$project/requirements/$part.txt"; done
    # shellcheck disable=SC2034  # the .bats files use it
    lock=$project/requirements/base.txt
    # shellcheck disable=SC2034  # the .bats files use it
    wrapper=$project/run_python_etl_script.sh
    job say 'import sys; print("to stdout", *sys.argv[1:]); print("to stderr", file=sys.stderr)'
}

give_python() { # a complete .venv, for tests that are not about installing
    mkdir -p "$project/.venv/bin"
    ln -s "${TEST_PYTHON:-$(python3 -c 'import os, sys; print(os.path.realpath(sys.executable))')}" "$project/.venv/bin/python"
    cp "$lock" "$project/.venv/.requirements-base.txt"
}

job() { # NAME CODE
    printf '%s\n' "$2" >"$project/jobscripts/$1.py"
}

as_nobody() { # COMMAND: as an ordinary user, also where the tests run as root
    if ((EUID == 0)); then setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; else "$@"; fi
}

line_count() { # TEXT
    wc -l <<<"$1"
}

make_package() { # a tiny package in the lock of base, so that installing needs no network
    local wheel=$BATS_TEST_TMPDIR/tiny_package-1.0-py3-none-any.whl
    "${TEST_PYTHON:-python3}" - "$wheel" <<'PYTHON'
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w") as wheel:
    wheel.writestr("tiny_package.py", "ANSWER = 42\n")
    info = "tiny_package-1.0.dist-info/"
    wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\nName: tiny-package\nVersion: 1.0\n")
    wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    wheel.writestr(info + "RECORD", "tiny_package.py,,\n" + info + "METADATA,,\n" + info + "WHEEL,,\n" + info + "RECORD,,\n")
PYTHON
    lock_wheel "$wheel" >"$lock"
}

lock_wheel() { # FILE: a line of a lock
    local hash
    hash=$(sha256sum "$1" 2>/dev/null || printf '%064d' 0)
    printf '%s --hash=sha256:%s\n' "$1" "${hash%% *}"
}

stub() { # NAME TEXT: a program of that name before all others on PATH
    mkdir -p "$BATS_TEST_TMPDIR/bin"
    printf '#!/usr/bin/env bash\n%s\n' "$2" >"$BATS_TEST_TMPDIR/bin/$1"
    chmod 755 "$BATS_TEST_TMPDIR/bin/$1"
    PATH=$BATS_TEST_TMPDIR/bin:$PATH
}
