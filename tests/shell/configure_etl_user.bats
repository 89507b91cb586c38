#!/usr/bin/env bats
# The command line of the host's set-up; what it does is tried on a machine of its own (tests/host).

bats_require_minimum_version 1.5.0
load helper

setup() {
    make_project
    cp "$SOURCE"/{configure_etl_user.sh,etl_jobs.cron} "$project"
    configure=$project/configure_etl_user.sh
}

@test "help comes from the header; an unknown argument is wrong usage" {
    run "$configure" --help
    [ "$status" -eq 0 ]
    [[ $output == *'--grant-home-access'*'--add-client'* ]]
    for arguments in --dryrun --add-client '--add-client acme' '--add-client --key' '--remove-client' '--add-client acme --key'; do
        # shellcheck disable=SC2086  # words
        run --separate-stderr "$configure" $arguments
        [ "$status" -eq 2 ]
        [ "$(line_count "$stderr")" -eq 1 ]
    done
}

@test "who is not root is told the command, arguments included" {
    run --separate-stderr as_nobody "$configure" --grant-home-access
    [ "$status" -eq 78 ]
    [ "$output" = '' ]
    [[ $stderr == *"run: sudo $(printf %q "$configure") --grant-home-access" ]]
}

@test "--dry-run needs no root and changes nothing" {
    before=$(find "$project" -printf '%p %m %u %T@\n')
    ETL_DATA_DIR=$BATS_TEST_TMPDIR/data ETL_CRON_FILE=$BATS_TEST_TMPDIR/etl_jobs run --separate-stderr as_nobody "$configure" --dry-run
    [ "$status" -eq 0 ]
    [[ $output == *"would create $BATS_TEST_TMPDIR/data/archive"*"would install $BATS_TEST_TMPDIR/etl_jobs"* ]]
    [ "$(find "$project" -printf '%p %m %u %T@\n')" = "$before" ]
}
