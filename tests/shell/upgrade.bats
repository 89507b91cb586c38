#!/usr/bin/env bats
# What `etl upgrade` refuses, and what jobs do meanwhile: in a small clone with tiny jobs. Real upgrades: tests/upgrade.

bats_require_minimum_version 1.5.0
load helper

setup() {
    make_project
    give_python
    cp "$SOURCE"/{etl,upgrade.sh,pyproject.toml} "$project"
    mkdir -p "$project"/{docs,config/pipelines,sql/migrations}
    cp "$SOURCE"/docs/scripts.md "$project/docs"
    job database 'import sys; print("n\n1000" if "sql" in sys.argv else "up to date")'
    job backup_database 'print("/a/backup.dump: 3 tables")'
    job doctor 'print("0 failure")'
    job restore_database 'print("restored")'
    job sleep 'import time; time.sleep(60)'
    printf 'one\n' >"$project/config/pipelines/nightly.yaml"
    printf '/.venv*\n/.upgrade\n/logs\n/archive\n/file_watcher\n/var\n__pycache__\n' >"$project/.gitignore"
    export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@example.test GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@example.test
    git -C "$project" init -q -b main
    git -C "$project" add -A
    git -C "$project" commit -qm one
    git clone -q "$project" "$BATS_TEST_TMPDIR/remote"
    git -C "$project" remote add origin "$BATS_TEST_TMPDIR/remote"
    sed -i 's/^version = .*/version = "7.8.9"/' "$BATS_TEST_TMPDIR/remote/pyproject.toml"
    printf 'two\n' >"$BATS_TEST_TMPDIR/remote/config/pipelines/nightly.yaml"
    printf 'new\n' >"$BATS_TEST_TMPDIR/remote/config/pipelines/weekly.yaml"
    git -C "$BATS_TEST_TMPDIR/remote" add -A
    git -C "$BATS_TEST_TMPDIR/remote" commit -qm two
    git -C "$project" fetch -q
    git -C "$project" branch -q -u origin/main
}

teardown() {
    [[ -z ${mine:-} ]] || rm -rf "$mine"
}

@test "it upgrades and goes back, and says what to type" {
    run "$project/etl" upgrade --dry-run
    [ "$status" -eq 0 ]
    [[ $output == *'would upgrade '*' to 7.8.9 '* ]]
    [ "$(<"$project/config/pipelines/nightly.yaml")" = one ]
    run "$project/etl" upgrade
    [ "$status" -eq 0 ]
    [[ $output == *'backup: /a/backup.dump'*'upgraded from '*' to 7.8.9 '*'etl upgrade --back' ]]
    [ "$(<"$project/config/pipelines/nightly.yaml")" = two ]
    [ "$(git -C "$project" status --porcelain)" = '' ]
    [[ $("$project/etl" upgrade) == 'the code is the newest, version 7.8.9 '* ]]
    run "$project/etl" upgrade --back
    [ "$status" -eq 0 ]
    [ "$(<"$project/config/pipelines/nightly.yaml")" = one ]
    [ ! -e "$project/config/pipelines/weekly.yaml" ]
    [ "$(git -C "$project" status --porcelain)" = '' ]
}

@test "own changes of tracked files, own commits and own files of a new name are refused and named" {
    printf 'mine\n' >"$project/config/pipelines/nightly.yaml"
    run --separate-stderr "$project/etl" upgrade
    [ "$status" -eq 78 ]
    [ "$(line_count "$stderr")" -eq 1 ]
    [[ $stderr == *'config/pipelines/nightly.yaml'*'ETL_LOCAL_DIR'*"git -C $(printf %q "$project") checkout HEAD -- config/pipelines/nightly.yaml" ]]
    [ "$(<"$project/config/pipelines/nightly.yaml")" = mine ]
    bash -c "${stderr##*undo the changes: }"
    printf 'mine too\n' >"$project/config/pipelines/weekly.yaml"
    run --separate-stderr "$project/etl" upgrade
    [ "$status" -eq 78 ]
    [[ $stderr == *'files of yours'*'config/pipelines/weekly.yaml'* ]]
    [ "$(<"$project/config/pipelines/weekly.yaml")" = 'mine too' ]
    git -C "$project" add -A
    git -C "$project" commit -qm mine
    run --separate-stderr "$project/etl" upgrade
    [ "$status" -eq 78 ]
    [[ $stderr == *'commits of its own'*' mine'* ]]
}

@test "running jobs are named, --wait waits for their end" {
    "$project/run_python_etl_script.sh" sleep >/dev/null 2>&1 3>&- &
    local wrapper_id=$!
    until run pgrep -f "$project/jobscripts/sleep.py" && [ "$status" -eq 0 ]; do sleep 0.1; done
    run --separate-stderr "$project/etl" upgrade
    [ "$status" -eq 75 ]
    [[ $stderr == *'jobs are running: sleep.py (process '*'--wait'* ]]
    "$project/etl" upgrade --wait >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
    local upgrade_id=$!
    sleep 1
    kill "$wrapper_id"
    wait "$upgrade_id"
    [[ $(<"$BATS_TEST_TMPDIR/out") == *'upgraded from '* ]]
}

@test "a job that is started during an upgrade waits for its end and runs with the new version" {
    mkdir "$project/.upgrade"
    printf 'was interrupted; to finish it run: x\n' >"$project/.upgrade/unfinished"
    exec {lock}>"$project/.upgrade/lock"
    flock "$lock"
    "$wrapper" say done >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- {lock}>&- &
    local job_id=$!
    sleep 1
    [[ $(<"$BATS_TEST_TMPDIR/out") == *'waiting for the end of an upgrade'* ]]
    job say 'import sys; print("the new one", *sys.argv[1:])'
    rm "$project/.upgrade/unfinished"
    exec {lock}>&-
    wait "$job_id"
    [[ $(<"$BATS_TEST_TMPDIR/out") == *'the new one done' ]]
}

@test "an upgrade that was killed is one line for every job" {
    mkdir "$project/.upgrade"
    : >"$project/.upgrade/lock"
    printf 'the upgrade was interrupted; to finish it run: x\n' >"$project/.upgrade/unfinished"
    run --separate-stderr "$wrapper" say
    [ "$status" -eq 78 ]
    [ "$stderr" = 'run_python_etl_script.sh: the upgrade was interrupted; to finish it run: x' ]
}

@test "a check of doctor that fails only afterwards is shown with the command that goes back, others are not" {
    printf 'print("failure  cron            was so before")\n' >"$project/jobscripts/doctor.py"
    git -C "$project" commit -qam doctor
    git -C "$BATS_TEST_TMPDIR/remote" pull -q --no-rebase "$project" main
    run "$project/etl" upgrade
    [ "$status" -eq 0 ]
    printf 'print("failure  cron            still\\nfailure  database        new")\n' >"$BATS_TEST_TMPDIR/remote/jobscripts/doctor.py"
    git -C "$BATS_TEST_TMPDIR/remote" commit -qam worse
    run "$project/etl" upgrade
    [ "$status" -eq 1 ]
    [[ $output == *'failure  database        new'*'to go back run: '*'upgrade --back --in '* ]]
    bash -c "${output##*to go back run: }"
    [ "$(git -C "$project" log --format=%s -1)" != worse ]
}

@test "packages that cannot be installed, or a full disk, change nothing" {
    printf 'no-such-package==1 --hash=sha256:00\n' >"$BATS_TEST_TMPDIR/remote/requirements/base.txt"
    git -C "$BATS_TEST_TMPDIR/remote" commit -qam packages
    PIP_INDEX_URL=http://127.0.0.1:9 PIP_RETRIES=0 UV_INDEX_URL=http://127.0.0.1:9 run "$project/etl" upgrade
    [ "$status" -eq 1 ]
    [[ $output == *'the upgrade failed and everything is as it was'* ]]
    [ "$(<"$project/config/pipelines/nightly.yaml")" = one ]
    [ "$(git -C "$project" status --porcelain)" = '' ]
    [ "$("$wrapper" say 2>/dev/null)" = 'to stdout ' ] || [ "$("$wrapper" say 2>/dev/null)" = 'to stdout' ]
    job database 'print("n\n900000000000")'
    git -C "$project" commit -qam large
    git -C "$BATS_TEST_TMPDIR/remote" pull -q --no-rebase "$project" main
    printf 'three\n' >"$BATS_TEST_TMPDIR/remote/config/pipelines/nightly.yaml"
    git -C "$BATS_TEST_TMPDIR/remote" commit -qam three
    run --separate-stderr "$project/etl" upgrade
    [ "$status" -eq 75 ]
    [[ $stderr == *'MB free, the backup needs up to 8'* ]]
}

@test "a git pull that ended with a conflict is named with the command that undoes it" {
    printf 'print(1)\n<<<<<<< HEAD\nprint(2)\n=======\nprint(3)\n>>>>>>> main\n' >"$project/jobscripts/say.py"
    : >"$project/.git/MERGE_HEAD"
    ETL_CRON=1 HOME=$BATS_TEST_TMPDIR XDG_STATE_HOME=$BATS_TEST_TMPDIR run "$wrapper" say
    [[ $output == *SyntaxError*"to undo it run: git -C $(printf %q "$project") merge --abort"* ]]
}

@test "of what the service user may have put there, root reads little and only as that user, and shows others no password" {
    ((EUID == 0)) || skip 'needs root'
    # shellcheck disable=SC1090  # all but its last line, which runs it
    source <(sed -e '$d' -e 's/READ_SECONDS=10/READ_SECONDS=1/' "$SOURCE/upgrade.sh")
    # shellcheck source=systemscripts/shell/service_account.bash
    source "$SOURCE/systemscripts/shell/service_account.bash"
    SERVICE_USER=daemon SERVICE_GROUP=$(id -gn daemon) data=$BATS_TEST_TMPDIR/data
    state=$data/var/embedded_database.json
    mkdir -p "$data/var" "$data/data"
    chown -R daemon "$project" "$data"
    printf '{"folder": "%s"}\n' "$data" >"$state"
    printf '18\n' >"$data/data/PG_VERSION"
    [ "$(print_major)" = 18 ]
    # of root's
    printf '18\n' >"$BATS_TEST_TMPDIR/pin"
    chmod 600 "$BATS_TEST_TMPDIR/pin"
    ln -sf "$BATS_TEST_TMPDIR/pin" "$data/data/PG_VERSION"
    [ "$(print_major)" = '' ]
    rm "$data/data/PG_VERSION"
    mkfifo "$data/data/PG_VERSION"
    [ "$(print_major)" = '' ]
    # shellcheck disable=SC2016  # for another shell
    stub setsid 'printf "%s\n" "$*" >>"'"$BATS_TEST_TMPDIR"'/arguments"; exec /usr/bin/setsid "$@"'
    printf '{"password": "hush"}\n' | put_as_data_owner "$state"
    [ "$(stat -c '%U %a' "$state") $(<"$state")" = 'daemon 600 {"password": "hush"}' ]
    grep -q embedded_database.json "$BATS_TEST_TMPDIR/arguments"
    ! grep -q hush "$BATS_TEST_TMPDIR/arguments" || false
    ln -sf /dev/zero "$state"
    (ulimit -f 1000 && keep_embedded_state "$BATS_TEST_TMPDIR/kept")
    [ "$(stat -c %s "$BATS_TEST_TMPDIR/kept")" -le 65536 ]
}

@test "root unpacks the archive whose hash it checked, and none that the service user could have put there" {
    ((EUID == 0)) || skip 'needs root'
    # shellcheck disable=SC1090  # all but its last line, which runs it
    source <(sed '$d' "$SOURCE/upgrade.sh")
    for file in service_account upgrade_code; do source "$SOURCE/systemscripts/shell/$file.bash"; done
    # /tmp may be written by everyone
    mine=$(mktemp -d -p "$HOME")
    SERVICE_USER=daemon SERVICE_GROUP=$(id -gn daemon) source=$SOURCE project=$mine folder=$mine
    mkdir "$mine"/{files,next,theirs}
    printf 'good\n' >"$mine/files/code"
    tar -C "$mine/files" -cf "$mine/a.tar" code
    printf 'evil\n' >"$mine/files/code"
    tar -C "$mine/files" -cf "$mine/evil.tar" code
    (cd "$mine" && sha256sum a.tar) >"$mine/SHA256SUMS"
    chown daemon "$mine/theirs"
    cp "$mine"/{a.tar,SHA256SUMS} "$mine/theirs"
    ln -s "$mine/a.tar" "$mine/theirs/link.tar"
    for named_archive in "$mine/theirs/a.tar" "$mine/theirs/link.tar"; do
        archive=$(readlink -f "$named_archive")
        run stage_archive
        [ "$status" -eq 78 ]
        [[ $output == *"$named_archive may come from daemon, which may write $mine/theirs,"* ]]
    done
    named_archive=$mine/a.tar archive=$mine/a.tar
    for file in a.tar SHA256SUMS; do
        chown daemon "$mine/$file"
        run stage_archive
        [ "$status" -eq 78 ]
        [[ $output == *"$mine/$file may come from daemon"* ]]
        chown root "$mine/$file"
    done
    # it is replaced right after its hash was taken
    stub sha256sum "/usr/bin/sha256sum; cp '$mine/evil.tar' '$mine/a.tar'"
    stage_archive
    [ "$(<"$mine/next/code")" = good ]
}
