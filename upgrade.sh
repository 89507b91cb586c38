#!/usr/bin/env bash
# Upgrade an installation, or bring back the version before: etl upgrade.
#
# Usage: etl upgrade [ARCHIVE] [--in FOLDER] [--wait] [--dry-run]
#        etl upgrade --back [--in FOLDER] [--wait]
#        etl upgrade --help
#
#   ARCHIVE      a release, client_etl_workflow-VERSION.tar.gz, whose hash is in a file beside it (ARCHIVE.sha256 or
#                SHA256SUMS); without it, what git pull would bring
#   --back       bring back the version before: code, Python environment, database
#   --in FOLDER  the installation to upgrade, if its own version has no such command
#   --wait       wait until running jobs have ended
#   --dry-run    check everything and show what would be done, change nothing
#
# The steps: a backup by the present version, the code, the packages (a new .venv beside the old one), the schema, doctor.
# Jobs that are started meanwhile wait. Up to the schema, a step that fails leaves everything as it was. What was killed is
# continued by the same command, or taken back by --back. Everything about it is in .upgrade/, also the code of before.
#
# Environment:
#   ETL_ENV_FILE, ETL_DATA_DIR  the environment, as of all commands; those that the cron files name are upgraded with it
# shellcheck disable=SC2154  # set by the files of systemscripts/shell
set -euo pipefail

SERVICE_USER=etl_user SERVICE_GROUP=etl_group
# between two looks whether jobs still run
readonly LOOK_AGAIN_SECONDS=5
# for logs, byte code and the schema, beside what is measured
readonly SPARE_KILOBYTES=102400
# of embedded_database.json, which has about 500, and of PG_VERSION
readonly STATE_BYTES=65536 MAJOR_BYTES=16
# for one of these
readonly READ_SECONDS=10

fail() { # CODE TEXT: the one exit for errors, one line
    printf 'upgrade.sh: %s\n' "$2" >&2
    exit "$1"
}

say() {
    printf '%s\n' "$*"
}

usage() {
    local line
    while IFS= read -r line && [[ $line == \#* ]]; do
        [[ $line == '#!'* ]] || { line=${line#\#} && printf '%s\n' "${line# }"; }
    done <"$source/upgrade.sh"
}

find_source() { # sets $source: the folder of this script, whose version drives the upgrade
    local place=${BASH_SOURCE[0]}
    [[ ! -L $place ]] || place=$(readlink -f -- "$place")
    [[ $place == */* ]] || place=./$place
    source=$(CDPATH='' cd -P -- "${place%/*}" && pwd)
    readonly source
}

parse_arguments() {
    action=upgrade archive='' named_archive='' project=$source wait='' dry_run=''
    typed=("$@")
    while (($#)); do
        case $1 in
            --back) action=back ;;
            --wait) wait=1 ;;
            --dry-run) dry_run=1 ;;
            --in)
                (($# > 1)) && [[ -f $2/run_python_etl_script.sh ]] || fail 2 "--in needs the folder of an installation"
                project=$(CDPATH='' cd -P -- "$2" && pwd)
                shift
                ;;
            -h | --help) usage && exit 0 ;;
            -*) fail 2 "unknown argument $1; see $(printf %q "$source/etl") upgrade --help" ;;
            *)
                [[ -z $archive && -f $1 ]] || fail 2 "$1 is not a release archive; see $(printf %q "$source/etl") upgrade --help"
                named_archive=$1 archive=$(readlink -f -- "$1")
                ;;
        esac
        shift
    done
    [[ $action != back || -z $archive$dry_run ]] || fail 2 "--back takes neither an archive nor --dry-run"
    folder=$project/.upgrade
    # shellcheck disable=SC2034  # for upgrade_code.bash
    readonly project folder archive named_archive wait dry_run
}

# --- the state of an upgrade, in .upgrade/state -------------------------------------------------------------------------

read_state() { # NAME: print a value
    [[ ! -f $folder/state ]] || sed -n "s/^$1=//p" "$folder/state" | tail -n 1
}

write_state() { # NAME VALUE ...: add values; atomically, and on the disk before what follows
    local -a lines=()
    while (($#)); do lines+=("$1=$2") && shift 2; done
    { [[ ! -f $folder/state ]] || cat -- "$folder/state"; printf '%s\n' "${lines[@]}"; } >"$folder/state.part"
    sync -- "$folder/state.part"
    mv -T -- "$folder/state.part" "$folder/state"
}

print_command() { # [OPTION]: to type; that of the new version works whatever the installation is like
    local variables='' name
    for name in ETL_ENV_FILE ETL_DATA_DIR; do
        [[ -z ${!name:-} ]] || printf -v variables '%s%s=%q ' "$variables" "$name" "${!name}"
    done
    ((EUID != 0)) || ! is_service_installation || variables="sudo $variables"
    # up to the first change it is in another folder
    local place=$folder/new
    [[ $source != "$folder/next" || ! -d $source ]] || place=$source
    printf '%s%q upgrade%s --in %q' "$variables" "$place/etl" "${1:+ $1}" "$project"
}

begin_change() { # TEXT [FINISH [BACK]]: from now on jobs wait; a killed upgrade leaves them this line, with what to type
    printf '%s; to finish it run: %s%s\n' "$1" "${2:-$(print_command)}" "; to go back run: ${3:-$(print_command --back)}" >"$folder/unfinished.part"
    give_to_group "$folder/unfinished.part"
    mv -T -- "$folder/unfinished.part" "$folder/unfinished"
}

end_change() {
    # as configure_etl_user.sh wants everything of the project
    ! is_service_installation || { chgrp -hR "$SERVICE_GROUP" -- "$folder" && chmod -R g-w,o= -- "$folder"; }
    rm -f -- "$folder/unfinished"
}

give_to_group() { # PATH: jobs read it
    ! is_service_installation || chgrp -h "$SERVICE_GROUP" -- "$1"
    chmod g=u,g-w -- "$1"
}

take_lock() { # one upgrade at a time; jobs wait until it is given back
    (umask 022 && mkdir -p -- "$folder" && : >>"$folder/lock")
    give_to_group "$folder" && give_to_group "$folder/lock"
    exec {lock}<"$folder/lock"
    flock -n "$lock" || fail 75 "another upgrade of $project is running; find it with: ps ax | grep upgrade.sh"
}

# --- checks before any change -----------------------------------------------------------------------------------------

check_user() {
    local owner
    owner=$(stat -c %U -- "$project")
    [[ $owner != "$SERVICE_USER" ]] ||
        fail 78 "$project belongs to $SERVICE_USER, as before version 1.0, so root runs nothing in it; see \"An installation of before\" in $source/docs/install.md"
    local shown
    printf -v shown ' %q' "$source/etl" upgrade ${typed[@]+"${typed[@]}"}
    ! is_service_installation || ((EUID == 0)) || fail 78 "this needs root; run: sudo$shown"
    [[ -O $project ]] || fail 78 "$project belongs to $owner; run: sudo -u $owner$shown"
    ! grep -qsxF -- "$project/upgrade.sh" /var/lib/dpkg/info/*.list ||
        fail 78 "$project is a Debian package; install the package of the new version: sudo apt install ./FILE.deb"
}

list_running() { # print what runs from the project: its jobs and the console
    local file id command
    for file in /proc/[0-9]*/cmdline; do
        command=$(tr '\0' ' ' 2>/dev/null <"$file") || continue
        [[ $command == *" $project/jobscripts/"*.py* ]] || continue
        id=${file#/proc/} && id=${id%/cmdline}
        command=${command#*"$project/jobscripts/"}
        printf '%s(process %s), ' "$command" "$id"
    done
}

check_nothing_runs() {
    local running
    while running=$(list_running) && [[ -n $running ]]; do
        [[ -n $wait ]] ||
            fail 75 "jobs are running: ${running%, }; wait for their end, or run the same with --wait (a console or a watching job has to be stopped)"
        sleep "$LOOK_AGAIN_SECONDS"
    done
}

count_kilobytes() { # PATH: what it takes
    du -skL -- "$1" 2>/dev/null | cut -f 1 || printf 0
}

check_space() { # for a second environment and the code of before; for the backup, and the database restored from it
    local available needed name
    needed=$(($(count_kilobytes "$project/.venv") + 3 * $(count_kilobytes "$folder/next") + SPARE_KILOBYTES))
    available=$(df --output=avail -k -- "$project" | tail -n 1)
    ((available >= needed)) ||
        fail 75 "the disk of $project has $((available / 1024)) MB free, the upgrade needs $((needed / 1024)); free some space, then run it again"
    for name in "${environments[@]}"; do
        use_environment "$name"
        needed=$(run_job database sql 'select pg_database_size(current_database()) / 1024' | tail -n 1)
        [[ $needed =~ ^[0-9]+$ ]] || fail 1 "the database does not answer; see: $(printf %q "$project/run_python_etl_script.sh") database.py status"
        needed=$((needed + SPARE_KILOBYTES))
        available=$(df --output=avail -k -- "$data" | tail -n 1)
        ((available >= needed)) ||
            fail 75 "the disk of $data has $((available / 1024)) MB free, the backup needs up to $((needed / 1024)); free some space (etl purge), then run it again"
    done
}

# --- the environments of this code: one, or several that cron files name (docs/install.md) ------------------------------

list_environments() { # sets $environments: the settings file and the data folder of each, with a tab between them
    local file mark
    environments=("${ETL_ENV_FILE:-}"$'\t'"${ETL_DATA_DIR:-}")
    for file in /etc/cron.d/etl_jobs*; do
        mark=$(cron_file_owner "$file")
        [[ $mark =~ ^"# Installation: $project"(' ETL_ENV_FILE='([^=]*))?(' ETL_DATA_DIR='([^=]*))?$ ]] || continue
        mark=${BASH_REMATCH[2]}$'\t'${BASH_REMATCH[4]}
        [[ " ${environments[*]} " == *" $mark "* ]] || environments+=("$mark")
    done
}

use_environment() { # ONE OF $environments; sets $data
    unset ETL_ENV_FILE ETL_DATA_DIR
    [[ -z ${1%%$'\t'*} ]] || export ETL_ENV_FILE=${1%%$'\t'*}
    [[ -z ${1#*$'\t'} ]] || export ETL_DATA_DIR=${1#*$'\t'}
    find_data_folder
}

run_job() { # NAME ARGUMENTS: the version that is in place now, as the user of its jobs; not by the wrapper, which waits
    local -a command=(env "PYTHONPATH=$project" PYTHONDONTWRITEBYTECODE=1 "$project/.venv/bin/python" "$project/jobscripts/$1.py" "${@:2}")
    if is_service_installation; then
        as_service_user "${command[@]}"
    else
        (umask 007 && cd / && exec "${command[@]}") {lock}>&-
    fi
}

run_as_data_owner() { # COMMAND
    if is_service_installation; then as_service_user "$@"; else "$@"; fi
}

# --- the steps --------------------------------------------------------------------------------------------------------

list_failures() { # the checks of doctor that fail, with what it says
    run_job doctor 2>&1 | grep '^failure ' || true
}

make_backups() { # by the version in place
    local -i number=0
    local name text file
    rm -rf -- "$folder/next.backups" && mkdir -m 700 -- "$folder/next.backups"
    for name in "${environments[@]}"; do
        use_environment "$name"
        text=$(run_job backup_database 2>&1) || fail 1 "the backup failed, nothing was changed: $(tail -n 1 <<<"$text")"
        file=$(sed -n 's/^\(\/.*\): [0-9]* tables.*/\1/p' <<<"$text" | head -n 1)
        [[ -n $file ]] || fail 1 "the backup names no file, nothing was changed: $text"
        say "backup: $file"
        printf '%s\n%s\n' "$name" "$file" >"$folder/next.backups/$number"
        keep_embedded_state "$folder/next.backups/$number.embedded"
        print_major >"$folder/next.backups/$number.major"
        list_failures >"$folder/next.backups/$number.failures"
        number+=1
    done
}

read_as_data_owner() { # BYTES PATH: at most so much, and no pipe without end: it may be etl_user's, who may have been taken over
    run_as_data_owner timeout "$READ_SECONDS" head -c "$1" -- "$2"
}

keep_embedded_state() { # FILE: how the embedded server was reached; an older version does not read what a newer one adds
    [[ ! -e $data/var/embedded_database.json ]] || (umask 077 && read_as_data_owner "$STATE_BYTES" "$data/var/embedded_database.json" >"$1") ||
        fail 65 "$data/var/embedded_database.json cannot be read"
}

put_embedded_state() { # FILE KEPT: put it in the place of the present one, which becomes KEPT; the port stays
    local port
    [[ -s $1 ]] || return 0
    keep_embedded_state "$2"
    port=$(grep -o '"port": *[0-9]*' -- "$2") || return 0
    sed "s/\"port\": *[0-9]*/$port/" -- "$1" | put_as_data_owner "$data/var/embedded_database.json"
}

print_major() { # the version of the embedded server's data
    local server
    server=$(read_as_data_owner "$STATE_BYTES" "$data/var/embedded_database.json" 2>/dev/null | sed -n 's/.*"folder": *"\([^"]*\)".*/\1/p') || return 0
    [[ -z $server ]] || read_as_data_owner "$MAJOR_BYTES" "$server/data/PG_VERSION" 2>/dev/null | grep -axE '[0-9]+' || true
}

put_as_data_owner() { # PATH: from stdin, because others see arguments; atomically
    # shellcheck disable=SC2016  # for another shell
    local -a command=(bash -c 'umask 077 && cat >"$1.part" && mv -T -- "$1.part" "$1"' bash "$1")
    if is_service_installation; then feed_service_user "${command[@]}"; else "${command[@]}"; fi
}

install_packages() { # of the code in place; in the log, and the last line here
    local -a command=("$project/install_dependencies.sh" --python-only)
    env -u ETL_ENV_FILE -u ETL_DATA_DIR "${command[@]}" >>"$folder/log" 2>&1 {lock}>&- || return
    ! is_service_installation || configure_host
}

configure_host() { # owners and modes of the new files, cron files
    local name
    for name in "${environments[@]}"; do
        use_environment "$name"
        "$project/configure_etl_user.sh" >>"$folder/log" 2>&1 {lock}>&- || return
    done
}

update_schemas() {
    local -i number=0
    local name
    for name in "${environments[@]}"; do
        use_environment "$name"
        # of an upgrade that was taken back
        [[ ! -f $folder/embedded-$number ]] || put_embedded_state "$folder/embedded-$number" "$folder/backups/$number.embedded"
        rm -f -- "$folder/embedded-$number"
        run_job database upgrade >>"$folder/log" 2>&1 || return
        number+=1
    done
}

examine() { # [before]: run doctor; fails if a check fails that did not before
    local -i number=0 new=0
    local name failures check
    for name in "${environments[@]}"; do
        use_environment "$name"
        failures=$(list_failures)
        while IFS= read -r check; do
            [[ -n $check ]] || continue
            say "$check"
            # the words may differ between versions, the name of the check does not
            grep -qF -- "${check:0:24}" "$folder/backups/$number.failures" || new+=1
        done <<<"$failures"
        number+=1
    done
    ((new == 0))
}

# --- upgrade and back ---------------------------------------------------------------------------------------------------

upgrade() {
    local from to
    from=$(find_version "$project") to=$(find_version "$source")
    case $(read_state step) in
        back) fail 78 "going back to $from was interrupted; finish it: $(print_command --back)" ;;
        code | packages | schema)
            from=$(read_state from)
            say "continuing the upgrade from $from to $to"
            ;;
        *) prepare "$from" "$to" ;;
    esac
    [[ -z $dry_run ]] || { say "would upgrade $project from $from to $to" && return; }
    put_code "$folder/new" "$folder/new.list" "$folder/before.list" || take_back_at_once "the code could not be replaced"
    move_branch "$(read_state commit_after)"
    say "code: $to"
    write_state step packages
    install_packages || take_back_at_once "$(tail -n 1 "$folder/log")"
    say 'packages: complete'
    write_state step schema
    update_schemas || fail 1 "the schema could not be updated: $(tail -n 1 "$folder/log"); to go back run: $(print_command --back)"
    say 'schema: complete'
    write_state step 'done'
    end_change
    examine || fail 1 "doctor finds what did not fail before the upgrade; to go back run: $(print_command --back)"
    say "upgraded from $from to $to; to go back run: $(printf %q "$project/etl") upgrade --back"
}

prepare() { # FROM TO: everything that may refuse, then the backup and the copy of the present code
    list_code
    check_own_changes
    check_nothing_runs
    check_space
    [[ -z $dry_run ]] || return 0
    begin_change "the upgrade of $project from $1 to $2 was interrupted before it changed anything" "" "rm $(printf %q "$folder/unfinished")"
    trap end_change EXIT
    # one may have started meanwhile; from now on they wait
    check_nothing_runs
    make_backups
    find_environment
    rm -f -- "$folder/state"
    accept_next
    keep_code
    write_state from "$1" to "$2" commit_before "$(print_commit HEAD)" commit_after "$(cat -- "$folder/new.commit" 2>/dev/null || true)" \
        environment "$environment" environment_link "$environment_link"
    begin_change "the upgrade of $project from $1 to $2 was interrupted"
    write_state step code
    trap - EXIT
}

take_back_at_once() { # REASON: the database is as it was
    say "$1; going back"
    back_to_before
    fail 1 "the upgrade failed and everything is as it was: $1"
}

back() {
    case $(read_state step) in
        code | packages | schema | back | done) ;;
        *) fail 78 "there is nothing to go back to: the last upgrade of $project ended with --back, or there was none" ;;
    esac
    check_nothing_runs
    begin_change "going back to version $(read_state from) in $project was interrupted" "$(print_command --back)"
    [[ $(read_state step) != schema && $(read_state step) != 'done' ]] || write_state restore 1
    back_to_before
    examine || say 'doctor fails in more than before the upgrade'
    say "$project has version $(read_state from) again"
}

back_to_before() {
    write_state step back
    [[ $(read_state restore) != 1 ]] || put_back_clusters
    # the wrapper comes last: up to then it says what to type
    put_code "$folder/before" "$folder/before.list" "$folder/new.list"
    put_environment "$(read_state environment)" "$(read_state environment_link)"
    [[ $(read_state restore) != 1 ]] || restore_databases
    put_wrapper "$folder/before"
    move_branch "$(read_state commit_before)"
    ! is_service_installation || configure_host || say "see $folder/log"
    write_state step ''
    end_change
}

put_back_clusters() { # where the upgrade moved the embedded server to another major version; by the new version
    local -i number=0
    local file
    while [[ -f $folder/backups/$number ]]; do
        file=$folder/backups/$number
        use_environment "$(head -n 1 "$file")"
        if [[ -x $project/.venv/bin/python && "$(print_major)" != "$(cat "$file.major")" ]]; then
            run_job database upgrade --back >>"$folder/log" 2>&1 ||
                fail 1 "the embedded database could not be put back: $(tail -n 1 "$folder/log"); then run: $(print_command --back)"
            : >"$file.cluster"
        fi
        number+=1
    done
}

restore_databases() { # by the version of before, from its backup
    local -i number=0
    local file text
    local -a lines options=()
    # of a whole installation only the database is needed
    ! grep -q -- --database-only "$project/jobscripts/restore_database.py" || options=(--database-only)
    while [[ -f $folder/backups/$number ]]; do
        file=$folder/backups/$number
        mapfile -t lines <"$file"
        use_environment "${lines[0]}"
        # the newer one is needed by the next upgrade
        [[ -f $folder/embedded-$number ]] || put_embedded_state "$file.embedded" "$folder/embedded-$number"
        if [[ ! -e $file.cluster ]] && has_new_schema; then
            text=$(run_job restore_database "${lines[1]}" ${options[@]+"${options[@]}"} 2>&1) ||
                fail 1 "the database could not be restored: $(tail -n 1 <<<"$text"); then run: $(print_command --back)"
            say "$text"
        fi
        number+=1
    done
}

has_new_schema() { # whether the new version has migrations that the one of before does not know
    [[ -n $(comm -13 <(list_migrations "$folder/before") <(list_migrations "$folder/new")) ]]
}

list_migrations() { # FOLDER
    (cd -- "$1/sql/migrations" && printf '%s\n' *.sql | sort)
}

main() {
    umask 022
    find_source
    parse_arguments "$@"
    local file
    for file in service_account data_folder cron_file upgrade_code; do
        # shellcheck disable=SC1090  # the files above
        source "$source/systemscripts/shell/$file.bash"
    done
    check_user
    list_environments
    take_lock
    [[ $source == "$folder/new" || $source == "$folder/next" ]] || hand_over
    "$action"
}

main "$@"
