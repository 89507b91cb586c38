#!/usr/bin/env bats
# The command that runs the tests, in a project with one test of its own.

bats_require_minimum_version 1.5.0
load helper

setup() {
    make_project
    give_python
    cp "$SOURCE/run_tests.sh" "$project"
    for part in web demo dev; do cp "$project/requirements/$part.txt" "$project/.venv/.requirements-$part.txt"; done
    mkdir "$project/pytest"
    touch "$project/pytest/__init__.py"
    # A stand-in that shows what pytest would get; the real one runs this very file.
    printf 'import os, sys; print(os.getcwd(), os.environ.get("ETL_TEST_LONG"), os.environ.get("REQUIRE_SERVICES"), *sys.argv[1:])' \
        >"$project/pytest/__main__.py"
}

@test "hands its arguments to pytest in the project folder" {
    cd /
    REQUIRE_SERVICES=1 run --separate-stderr "$project/run_tests.sh" --long -k 'two words'
    [ "$status" -eq 0 ]
    [ "$output" = "$project 1 1 -n $((2 * $(nproc))) --dist loadscope -k two words" ]
}

@test "--fast runs what is marked fast, and joins with other choices" {
    run --separate-stderr "$project/run_tests.sh" --fast tests/tables
    [ "$status" -eq 0 ]
    [[ $output == *' -m fast tests/tables' ]]
}

@test "a debugger gets the terminal" {
    run --separate-stderr "$project/run_tests.sh" --pdb
    [[ $output == *'--pdb -n0' ]]
}

@test "help comes from the header" {
    run "$project/run_tests.sh" --help
    [ "$status" -eq 0 ]
    [[ $output == *'Usage: run_tests.sh'* ]]
}
