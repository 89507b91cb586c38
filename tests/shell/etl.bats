#!/usr/bin/env bats
# The short command etl, in a project whose path has a blank, a quote and a dollar sign.

bats_require_minimum_version 1.5.0
load helper

setup() {
    make_project
    give_python
    mv "$project" "$BATS_TEST_TMPDIR/it's \$a \"project\""
    project="$BATS_TEST_TMPDIR/it's \$a \"project\""
    cp "$SOURCE"/{etl,pyproject.toml} "$project"
    mkdir -p "$project/docs" "$project/config/imports" "$project/config/pipelines"
    cp "$SOURCE"/docs/{scripts,reference}.md "$project/docs"
    for name in generic_import suggest_import database datasets apply_config run_pipeline; do
        job "$name" "import sys; print('$name', *sys.argv[1:]); sys.exit(3)"
    done
    ln -s "$project/etl" "$BATS_TEST_TMPDIR/etl"
    PATH=$BATS_TEST_TMPDIR:$PATH
}

@test "a short name runs its script from any directory, through a link, with its exit code" {
    cd /
    for name in import generic_import generic-import generic_import.py jobscripts/generic_import.py; do
        run etl "$name" orders 'two  blanks'
        [ "$status" -eq 3 ]
        [ "$output" = 'generic_import orders two  blanks' ]
    done
    [ "$(cd "$project" && ./etl datasets list)" = 'datasets list' ]
    [ "$(env -i "$BATS_TEST_TMPDIR/etl" sql 'select 1')" = 'database sql select 1' ]
}

@test "alone it lists every script of the project by purpose, with the short names" {
    run --separate-stderr etl
    [ "$status" -eq 0 ]
    [ "$stderr" = '' ]
    [[ $output == *'Load files'*'generic_import, import '*'loads the files'*'Configure'*'apply_config, apply'* ]]
    for file in "$SOURCE"/jobscripts/*.py; do
        file=${file##*/}
        [[ $output == *"  ${file%.py}"* ]]
    done
    [[ $output == *$'\n  sql '*'is database sql'* ]]
    [ "$(etl --help)" = "$output" ]
}

@test "the version is the one of pyproject.toml" {
    sed -i 's/^version = .*/version = "7.8.9"/' "$project/pyproject.toml"
    [ "$(etl --version)" = 'etl 7.8.9' ]
}

@test "an unknown name is answered with the nearest one, a strange one with none" {
    for pair in 'improt import' 'sugg suggest' 'generic_imports generic_import' 'dataset datasets'; do
        run --separate-stderr etl "${pair% *}"
        [ "$status" -eq 2 ]
        [ "$(line_count "$stderr")" -eq 1 ]
        [[ $stderr == *"did you mean ${pair#* }?"* ]]
    done
    for name in zzzzzzz ../../etc/passwd '*' ''; do
        run --separate-stderr etl "x$name"
        [ "$status" -eq 2 ]
        [[ $stderr != *'did you mean'* ]]
    done
}

complete_in_bash() { # WORD ...: the names that Tab offers, in one line
    # shellcheck disable=SC2016  # a shell of its own
    bash --norc -c 'eval "$(etl completion bash)"; COMP_WORDS=(etl "$@"); COMP_CWORD=$#; _etl; echo "${COMPREPLY[*]}"' bash "$@"
}

@test "completion offers scripts, short names, options, their values, and the names in config/, without Python" {
    touch "$project"/config/imports/{orders,visits}.yaml "$project/config/pipelines/weekly.yaml"
    rm "$project/.venv/bin/python"
    [ "$(complete_in_bash imp)" = import ]
    [[ "$(complete_in_bash da)" == *database*datasets* ]]
    [ "$(complete_in_bash import '')" = 'orders visits' ]
    [ "$(complete_in_bash import o)" = orders ]
    [ "$(complete_in_bash import orders --dr)" = --dry-run ]
    [ "$(complete_in_bash import orders --file '')" = '' ] # the shell offers files
    [ "$(complete_in_bash apply orders --take '')" = 'file row' ]
    [ "$(complete_in_bash apply --qu)" = --quiet ]
    [ "$(complete_in_bash run '')" = weekly ]
    [[ "$(complete_in_bash datasets '')" == *accept*undo* ]]
    [ "$(complete_in_bash datasets retry '')" = 'orders visits' ]
    [ "$(complete_in_bash sql --rea)" = --read-only ]
    [ "$(complete_in_bash nothing '')" = '' ]
    run etl completion fish
    [ "$status" -eq 2 ]
}

@test "zsh takes its completion" {
    type -P zsh >/dev/null || skip 'no zsh here'
    touch "$project"/config/imports/{orders,visits}.yaml
    # shellcheck disable=SC2016  # zsh expands it
    run zsh -f -c 'compdef() { :; }; compadd() { shift; print -r -- "$@"; }; _files() { print files; }
        eval "$(etl completion zsh)"; words=(etl import ""); CURRENT=3; _etl; words=(etl import --dr); _etl
        words=(etl import orders --file ""); CURRENT=5; _etl'
    [ "$output" = $'orders visits\n--dry-run\nfiles' ]
}
