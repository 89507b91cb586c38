#!/usr/bin/env bash
# Run the tests (Python and shell) on the embedded PostgreSQL.
#
# Usage: run_tests.sh [--fast] [--long] [--coverage] [--help] [PYTEST ARGUMENTS]
#
#   --fast      only the tests marked fast: what breaks most often, in less than a minute
#   --long      also run the tests that take minutes
#   --coverage  write var/coverage.json, which the console shows; includes the job scripts that tests start
#
# Examples: run_tests.sh tests/tables          one folder
#           run_tests.sh -k refused -n0        tests by name, in one process
#           run_tests.sh tests/shell           only the shell scripts
#
# Environment:
#   REQUIRE_SERVICES=1  fail, instead of skip, if a server or program is missing
set -euo pipefail

usage() {
    local line
    while IFS= read -r line && [[ $line == \#* ]]; do
        [[ $line == '#!'* ]] || { line=${line#\#} && printf '%s\n' "${line# }"; }
    done <"$project/run_tests.sh"
}

find_project() {
    local place=${BASH_SOURCE[0]}
    [[ ! -L $place ]] || place=$(readlink -f -- "$place")
    [[ $place == */* ]] || place=./$place
    project=$(CDPATH='' cd -P -- "${place%/*}" && pwd)
    readonly project
}

parse_arguments() { # sets $arguments, for pytest
    # Two workers a processor, since tests mostly wait for servers and processes.
    # loadscope: the tests of a module stay together, so that its server is started only once
    arguments=(-n "$((2 * $(nproc)))" --dist loadscope)
    local argument
    for argument in "$@"; do
        case $argument in
            -h | --help) usage && exit 0 ;;
            --fast) arguments+=(-m fast) ;;
            --long) export ETL_TEST_LONG=1 ;;
            --coverage) arguments+=(--cov --cov-report=json:var/coverage.json --cov-report=) ;;
            --pdb | --trace) arguments+=("$argument" -n0) ;; # a debugger needs the terminal
            *) arguments+=("$argument") ;;
        esac
    done
}

set_environment() {
    # the tests must not use the caller's own installation
    unset ETL_DATA_DIR ETL_ENV_FILE ETL_NOW
    export PYTHONPATH=$project PATH=${PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}
    [[ -n ${LC_ALL:-}${LANG:-} ]] || export LANG=C.UTF-8 LC_ALL=C.UTF-8
}

main() {
    find_project
    parse_arguments "$@"
    "$project/install_dependencies.sh" --python-only --dev >&2
    set_environment
    cd -- "$project"
    exec .venv/bin/python -m pytest "${arguments[@]}"
}

main "$@"
