#!/usr/bin/env bash
# Runs the tests: Python and shell, on the embedded PostgreSQL.
#
# Usage: run_tests.sh [--fast] [--long] [--coverage] [--help] [PYTEST ARGUMENTS]
#
#   --fast      only the tests marked fast: what breaks most often, in less than a minute
#   --long      also the tests that take minutes
#   --coverage  leave var/coverage.json, which the console shows; job scripts that tests start count too
#
# Examples: run_tests.sh tests/tables          one folder
#           run_tests.sh -k refused -n0        by name, in one process
#           run_tests.sh tests/shell           the shell scripts only
#
# Environment:
#   REQUIRE_SERVICES=1  a missing server or program is a failure, not a skip
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

parse_arguments() { # the rest is pytest's, left in $arguments
    # loadscope: the tests of a module stay together, so that a server it starts is started once.
    arguments=(-n auto --dist loadscope)
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
    # Of the caller's own installation nothing is meant for the tests.
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
