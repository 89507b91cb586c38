#!/usr/bin/env bash
# Run a job script with the Python environment of the project.
#
# Usage: run_python_etl_script.sh SCRIPT[.py] [ARGUMENTS]
#        run_python_etl_script.sh --help
#
# Works from any directory, through a symbolic link and from the bare environment of cron. Creates the Python environment
# if there is none. Without a terminal the output is also written to logs/etl_cron.log, and the reason why a script cannot
# start is sent to ALERT_RECIPIENTS once. The exit code is that of the script: 0 done, 1 failed, 2 wrong usage, 65 bad input
# data, 75 try again later, 78 bad configuration.
#
# Environment:
#   ETL_DATA_DIR       folder of file_watcher/, archive/, logs/ and var/ (default: the project folder)
#   ETL_ENV_FILE       another settings file than config/.env
#   ETL_NO_CRON_LOG=1  do not copy the output to logs/etl_cron.log
#   ETL_CRON=1         started by cron: print only messages that could not be sent, so that cron mails them
set -euo pipefail

readonly SERVICE_USER=etl_user SERVICE_GROUP=etl_group
# between two tries to update the packages, because each takes long without a network
readonly TRY_AGAIN_SECONDS=3600
# of the output of one run in etl_cron.log
readonly CRON_LOG_BYTES=200000
# a week
readonly REMIND_SECONDS=604800
# for an upgrade to end; most of it is the backup
readonly UPGRADE_SECONDS=7200

fail() { # CODE TEXT: the one exit for errors, one line
    printf 'run_python_etl_script.sh: %s\n' "$2" >&2
    quit "$@"
}

quit() { # CODE TEXT: exit before the job starts; the reason has been printed
    [[ -z $cron_log ]] || note "did not start: $2"
    # a mistake at a terminal is seen there; one in a cron file must be mailed
    (($1 == 2)) && [[ ${ETL_CRON:-} != 1 ]] || add_trouble "$2" "$2"
    report_start failed
    exit "$1"
}

find_project() {
    local place=${BASH_SOURCE[0]}
    [[ ! -L $place ]] || place=$(readlink -f -- "$place")
    [[ $place == */* ]] || place=./$place
    project=$(CDPATH='' cd -P -- "${place%/*}" && pwd) # a plain assignment: the exit code of cd counts
    readonly project wrapper=$project/run_python_etl_script.sh
    settings_file=${ETL_ENV_FILE:-$project/config/.env}
    data=$project script=run_python_etl_script cron_log='' troubles=() is_apart=''
}

# --- reports of start problems ----------------------------------------------------------------------------------------------

add_trouble() { # KEY TEXT: why jobs cannot start; the key is the same as long as the cause is the same
    troubles+=("${1//[$'\t\n']/ }"$'\t'"${2//$'\n'/ }")
}

list_state_folders() { # sets $folders: where systemscripts/last_resort records what it has reported
    folders=("${XDG_STATE_HOME:-${HOME:-}/.local/state}/client_etl_workflow"
        "/var/tmp/client_etl_workflow-$EUID" "/dev/shm/client_etl_workflow-$EUID")
    # root writes nothing where the service user could put a link
    ((EUID == 0)) && is_service_installation || folders=("$data/var" "$project/var" "${folders[@]}")
}

name_state() { # sets $state: the name of what systemscripts/last_resort records of this installation, without its ending
    local LC_ALL=C mark=$settings_file
    [[ ${mark:0:1} != '~' ]] || mark=${HOME:-}${mark:1}
    [[ $mark == /* ]] || mark=$PWD/$mark
    mark=${mark//[^A-Za-z0-9]/_} # as in last_resort/state_files.py
    ((${#mark} <= 150)) || mark=${mark: -150}
    state=start_problems-$mark
}

was_reported() {
    local folder state
    name_state
    list_state_folders
    for folder in "${folders[@]}"; do
        [[ ! -e $folder/$state.json && ! -e $folder/$state.without_python ]] || return 0
    done
    return 1
}

report_start() { # begun|own|failed: report why the script did not start, or that it starts again
    # the pipeline reports its steps, and a user at a terminal has read the message
    [[ -z ${ETL_PARENT_UUID:-} ]] || return 0
    if ((${#troubles[@]})); then
        [[ ! -t 0 && ! -t 1 && ! -t 2 ]] || return 0
    else
        [[ $1 != failed ]] && was_reported || return 0
    fi
    local candidate
    local -a candidates=("$project/.venv/bin/python" python3 python3.13 python3.12 python3.11)
    # what the service user or its packages may have changed does not run as root or an operator
    ! is_service_installation || [[ $(id -un) == "$SERVICE_USER" ]] || candidates=("${candidates[@]:1}")
    for candidate in "${candidates[@]}"; do
        "$candidate" -I -c 'import smtplib, ssl' >/dev/null 2>&1 </dev/null || continue
        printf '%s\n' ${troubles[@]+"${troubles[@]}"} |
            "$candidate" -I -B "$project/systemscripts/last_resort" "$project" "$settings_file" "$data" "$script" "$1" \
                2>&"$stderr" && return
    done
    ((${#troubles[@]} == 0)) || report_without_python
}

report_without_python() { # by syslog, a local mail server and the mail of cron; once a week
    local -r text="jobs of $project cannot start: ${troubles[0]#*$'\t'}"
    local folder marker state
    name_state
    list_state_folders
    for folder in "${folders[@]}"; do
        marker=$folder/$state.without_python # the next start that has a Python reports that it is over
        ! is_younger "$marker" "$REMIND_SECONDS" || return 0
        # shellcheck disable=SC2174  # the parent folders belong to the same user
        { mkdir -p -m 700 -- "$folder" && [[ -O $folder ]] && printf '%s\n' "$text" >"$marker"; } 2>/dev/null && break
    done
    logger -t client_etl_workflow -p user.err -- "$text" 2>/dev/null || true
    [[ ${ETL_CRON:-} != 1 ]] || printf '%s\n' "$text" >&"$stderr"
    name_origin
    find_setting ALERT_RECIPIENTS
    [[ -z $value ]] || ! type -P sendmail >/dev/null ||
        printf 'To: %s\nSubject: [ETL] jobs cannot start (%s)\n\nOn %s %s\n' "$value" "$origin" "$origin" "$text" |
        sendmail -t >/dev/null 2>&1 || true
}

name_origin() { # sets $origin: environment and host, as in last_resort/alert_settings.py
    local value folder=${settings_file%/*}
    find_setting ENVIRONMENT_NAME
    [[ -n $value ]] || { value=${settings_file##*/} && value=${value#.env} value=${value%.env} value=${value#.}; }
    [[ -n $value ]] || { [[ $folder != */config ]] || folder=${folder%/config} && value=${folder##*/}; }
    origin="$value on ${HOSTNAME:-}"
}

is_younger() { # FILE SECONDS
    local changed now
    changed=$(stat -c %Y -- "$1" 2>/dev/null) || return 1
    printf -v now '%(%s)T' -1
    ((now - changed < $2))
}

# --- which script ---------------------------------------------------------------------------------------------------

usage() {
    local line
    while IFS= read -r line && [[ $line == \#* ]]; do
        [[ $line == '#!'* ]] || { line=${line#\#} && printf '%s\n' "${line# }"; }
    done <"$wrapper"
    printf '\nScripts (each has its own --help):\n'
    list_scripts
}

list_scripts() {
    local name first
    list_names
    for name in ${scripts[@]+"${scripts[@]}"}; do
        while IFS= read -r first && [[ $first == \#* || -z $first ]]; do :; done <"$project/jobscripts/$name.py"
        [[ $first == '"""'* ]] && first=${first#'"""'} || first=''
        printf '  %-28s %s\n' "$name" "${first%'"""'}"
    done
}

fail_unknown_script() { # NAME
    list_names
    find_nearest "$1" ${scripts[@]+"${scripts[@]}"}
    [[ -z $nearest ]] || fail 2 "there is no script \"$1\"; did you mean $nearest? (--help lists all)"
    fail 2 "there is no script \"$1\" in $project/jobscripts; the scripts are: ${scripts[*]-}"
}

find_script() { # NAME as typed, possibly completed by the shell; sets $script
    script=${1#"$project/"}
    script=${script#./}
    script=${script#jobscripts/}
    script=${script%.py}
    [[ $script =~ ^[A-Za-z][A-Za-z0-9_]*$ && -f $project/jobscripts/$script.py ]] || fail_unknown_script "$1"
}

# --- the user --------------------------------------------------------------------------------------------------------

change_user() { # ARGUMENTS: continue as the service user if this is its installation
    [[ ! -O $project || $EUID == 0 ]] || return 0 # the usual case takes one built-in test
    is_service_installation && [[ $(id -un) != "$SERVICE_USER" ]] || return 0
    local -a settings=() command=("$wrapper" "$@") handed=()
    local name shown copies=''
    if ((EUID == 0)); then
        as_service_user test -x "$wrapper" ||
            fail 78 "$SERVICE_USER cannot pass through the folders above $project; run: sudo $(printf %q "$project/configure_etl_user.sh") --grant-home-access"
        continue_as_service_user "${command[@]}"
    fi
    # keep another settings file or data folder, otherwise the job would use the wrong database
    for name in "${!ETL_@}"; do settings+=("$name=${!name}"); done
    ((${#settings[@]} == 0)) || command=(env "${settings[@]}" "${command[@]}")
    # --help of this script shows whether sudo allows this command, and does nothing
    if sudo -n -u "$SERVICE_USER" -- "${command[@]:0:${#command[@]}-$#}" --help >/dev/null 2>&1; then
        hand_over_files "$@"
        command=("${command[@]:0:${#command[@]}-$#}" "${handed[@]}")
        [[ -n $copies ]] || exec sudo -n -u "$SERVICE_USER" -- "${command[@]}"
        continue_with_copies "${command[@]}"
    fi
    printf -v shown ' %q' "${command[@]}"
    fail 78 "this installation belongs to $SERVICE_USER; run: sudo -u $SERVICE_USER$shown"
}

continue_as_service_user() { # COMMAND: from root; its terminal is another one, or it has none
    local -a clean
    list_clean_environment
    if [[ -t 0 && -t 1 && -t 2 ]]; then
        close_descriptors
        exec runuser --pty -u "$SERVICE_USER" -- env -i "${clean[@]}" "$@"
    fi
    [[ ! -t 0 ]] || exec </dev/null
    [[ ! -t 1 ]] || exec > >(exec cat)
    [[ ! -t 2 ]] || exec 2> >(exec cat >&2)
    is_apart=1
    trap 'forward TERM' TERM
    trap 'forward INT' INT
    trap 'forward HUP' HUP
    (trap - INT QUIT && become_service_user "$@") <&0 &
    child=$!
    wait_for_python
    exit "$code"
}

# --- an upgrade -------------------------------------------------------------------------------------------------------

wait_for_upgrade() { # ARGUMENTS: upgrade.sh replaces this script, too, so it starts again
    local -r folder=$project/.upgrade
    [[ -e $folder/unfinished ]] || return 0
    local lock
    exec {lock}<"$folder/lock"
    if ! flock -s -n "$lock"; then
        printf 'run_python_etl_script.sh: waiting for the end of an upgrade\n' >&2
        flock -s -w "$UPGRADE_SECONDS" "$lock" || fail 75 "the upgrade of $project does not end; find it with: ps ax | grep upgrade.sh"
    fi
    exec {lock}<&-
    [[ ! -e $folder/unfinished ]] || fail 78 "$(<"$folder/unfinished")"
    exec "$wrapper" "$@"
}

# --- checks before any work -----------------------------------------------------------------------------------------

print_fix() { # PATH: print the command that lets the caller write there
    local user owner group
    # a right that root gives on a link would be given on what it leads to
    [[ ! -L $1 ]] || { printf 'rm %q' "$1" && return; }
    user=$(id -un)
    owner=$(stat -c %U -- "$1")
    group=$(stat -c %G -- "$1")
    if [[ " $(id -Gn) " == *" $group "* && $group != "$user" ]]; then
        printf 'sudo chmod -R g+rwX %q' "$1"
    elif [[ $owner != root && $owner != "$user" ]]; then # the owner stays the same
        printf 'sudo setfacl -R -m u:%q:rwX %q' "$user" "$1"
    else
        printf 'sudo chown -hR %q: %q' "$user" "$1"
    fi
}

check_settings() { # settings that cannot be read name neither the data folder nor what else would be wrong
    [[ -e $settings_file && ! -r $settings_file ]] || return 0
    local fix
    if is_service_installation; then
        printf -v fix 'sudo chgrp %q %q && sudo chmod 640 %q' "$SERVICE_GROUP" "$settings_file" "$settings_file"
    else
        printf -v fix 'sudo chown %q: %q' "$(id -un)" "$settings_file"
    fi
    fail 78 "settings file $settings_file: Permission denied for $(id -un); run: $fix"
}

check_folder() { # PATH: create it if it is missing; fail if it cannot be written
    local parent=$1
    [[ ! -d $1 || ! -w $1 || ! -x $1 ]] || return 0
    [[ -e $1 ]] || ! mkdir -p -- "$1" 2>/dev/null || return 0
    until [[ -e $parent ]]; do parent=${parent%/*} && parent=${parent:-/}; done
    fail 78 "$1 cannot be written by $(id -un); run: $(print_fix "$parent")"
}

check_folders() {
    check_folder "$data/logs"
    cron_log=$data/logs/etl_cron.log
    if [[ -e $cron_log && ! -w $cron_log ]]; then # jobs can run, because each run also has its own log
        add_trouble 'cron log' "$cron_log cannot be written by $(id -un), so the output of jobs is only in the logs of their runs; run: $(print_fix "$cron_log")"
        [[ ${ETL_CRON:-} == 1 ]] || printf 'run_python_etl_script.sh: %s\n' "${troubles[-1]#*$'\t'}" >&2
        cron_log=''
    fi
    check_folder "$data/archive"
}

# --- the Python environment -----------------------------------------------------------------------------------------

ensure_python() { # ARGUMENTS: of the script; sets $python
    local -r environment=$project/.venv
    local -a options=()
    # the servers that demos start are installed by the first demo
    ! wants_demo "$@" || options=(--with demo)
    if [[ ! -x $environment/bin/python || (-n ${options[*]} && ! -e $environment/.requirements-demo.txt) ]]; then
        install_packages "${options[@]}" || quit "$code" "$why"
    elif ! has_right_packages "$environment"; then
        update_packages
    fi
    python=$environment/bin/python
    # the environment itself, not the link, so that a running job keeps it when another one replaces it
    [[ ! -L $environment ]] || python=$(readlink -f -- "$environment")/bin/python
}

wants_demo() { # ARGUMENTS
    local argument
    for argument in "$@"; do
        [[ $argument != --demo ]] || return 0
    done
    return 1
}

has_right_packages() { # ENVIRONMENT: install_dependencies.sh stores a copy of each lock that it has installed
    local file part
    [[ -e $1/.requirements-base.txt ]] || return 1
    for file in "$1"/.requirements-*.txt; do
        part=${file##*/.requirements-}
        cmp -s "$project/requirements/$part" "$file" || return 1
    done
}

install_packages() { # [OPTION ...]: shows the output; sets $code, the exit code, and $why, the reason of a failure
    local words
    exec {words}>&2
    code=0
    why=$("$project/install_dependencies.sh" --python-only "$@" 2>&1 >&"$words" | while IFS= read -r line; do
        printf '%s\n' "$line" >&"$words"
        printf '%s\n' "$line"
    done | tail -n 1) || code=$?
    exec {words}>&-
    return "$code"
}

is_newer_than_locks() { # FILE
    local file
    for file in "$project"/requirements/*.txt; do
        [[ $1 -nt $file ]] || return 1
    done
}

update_packages() { # jobs continue with the old packages if it fails
    local -r tried=$project/.venvs/tried
    why='the last try failed'
    if is_newer_than_locks "$tried" && is_younger "$tried" "$TRY_AGAIN_SECONDS"; then
        :
    elif install_packages; then
        return 0
    else
        { mkdir -p -- "${tried%/*}" && : >"$tried"; } 2>/dev/null || true
    fi
    "$project/.venv/bin/python" -I -c '' 2>/dev/null </dev/null || fail 75 "$why"
    add_trouble 'outdated packages' "the packages in $project/.venv are not those of requirements/ and could not be updated ($why); jobs continue with the installed ones; run: $(printf %q "$project/install_dependencies.sh") --python-only"
}

set_environment() {
    export PYTHONPATH=$project PYTHONUNBUFFERED=1
    export PATH=${PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}
    [[ -n ${LC_ALL:-}${LANG:-} ]] || export LANG=C.UTF-8 LC_ALL=C.UTF-8
    # the owner could not replace byte code of another user
    [[ -O $project ]] || export PYTHONDONTWRITEBYTECODE=1
}

# --- the run --------------------------------------------------------------------------------------------------------

wants_cron_log() {
    [[ -n $cron_log && ! -t 1 && ${ETL_NO_CRON_LOG:-} != 1 ]] || return 1
    # scripts whose output is data or a secret say so in their first five lines and are not copied
    local line number=0
    while ((++number <= 5)) && IFS= read -r line; do
        [[ $line != '# no cron log'* ]] || return 1
    done <"$project/jobscripts/$script.py"
}

note() { # TEXT: write a line of this script to the cron log
    printf '== %(%F %T%z)T %s %s\n' -1 "$script" "$1" >>"$cron_log" 2>/dev/null || true
}

start_python() { # FILE ARGUMENTS
    # in a subshell, because a background command would ignore Ctrl-C; <&0, because it would read /dev/null
    (
        trap - INT QUIT
        # cron started this script; the output of a step is for its pipeline
        [[ ${ETL_CRON:-} != 1 ]] || export ETL_STARTED_BY=cron
        unset ETL_CRON
        exec "$python" "$project/jobscripts/$1.py" "${@:2}" {stderr}>&-
    ) <&0 &
    child=$!
}

keep_beginning() { # of what a run prints: the log is for people, a table of 700,000 rows is not
    local more
    head -c "$CRON_LOG_BYTES"
    IFS= read -r -n 1 more || [[ -n ${more:-} ]] || return 0
    printf '\n== the rest of this output is not kept here\n'
    cat >/dev/null
}

copy_to_cron_log() { # copy stdin to the log and to stdout; report the end to $finished
    trap '' INT TERM HUP
    exec {stderr}>&- {start_words}>&-
    tee -p >(keep_beginning >>"$cron_log") || true # -p: a closed reader does not end the job
    wait "$!" 2>/dev/null || true
    printf x >&"$finished"
}

start_with_cron_log() { # ARGUMENTS
    # one tee per stream, so that stdout stays stdout
    local out err
    exec {finished}<> <(:) # a pipe without a name
    note "started, pid $$"
    exec {out}> >(copy_to_cron_log 2>/dev/null)
    tees=1
    if [[ -t 2 ]]; then # a progress bar needs the terminal
        start_python "$script" "$@" >&"$out" {out}>&- {finished}>&-
    else
        exec {err}> >(copy_to_cron_log >&2 {out}>&-)
        tees=2
        start_python "$script" "$@" >&"$out" 2>&"$err" {out}>&- {err}>&- {finished}>&-
        exec {err}>&-
    fi
    exec {out}>&-
}

# shellcheck disable=SC2329  # traps call these two
is_in_foreground() { # whether this process group owns the terminal
    local -a state
    local text
    read -r text </proc/$$/stat || return 1
    read -ra state <<<"${text##*) }"
    [[ ${state[2]} == "${state[5]}" ]]
}

# shellcheck disable=SC2329
forward() { # SIGNAL
    interrupted=1
    # from a terminal the kernel has already sent it to the whole group
    [[ $1 != TERM && -z $is_apart ]] && is_in_foreground || kill -s "$1" "$child" 2>/dev/null || true
}

wait_for_python() { # sets $code, its exit code
    interrupted=1
    while [[ -n $interrupted ]]; do # a trapped signal ends wait early
        interrupted=''
        code=0
        wait "$child" || code=$?
    done
}

wait_for_tees() {
    # a process that the job left behind may keep our pipe open: tee waits for it, this script does not
    while ((tees-- > 0)) && read -r -t 5 -n 1 -u "$finished" _; do :; done
}

run_script() { # ARGUMENTS
    child='' tees=0 interrupted='' code=0
    # through this pipe the script reports that its run has started, or why it could not start
    exec {start_words}<> <(:)
    export ETL_START_FD=$start_words
    trap 'forward TERM' TERM
    trap 'forward INT' INT
    trap 'forward HUP' HUP
    if wants_cron_log; then
        start_with_cron_log "$@"
        wait_for_python
        wait_for_tees
        note "ended with exit code $code"
    else
        start_python "$script" "$@"
        wait_for_python
    fi
}

close_killed_run() { # a killed job cannot send its alert: close its row and send it from here
    ((code > 128 && code < 160)) || return 0
    ((code != 129 && code != 130 && code != 143)) || return 0 # it stopped in an orderly way after a signal
    [[ -f $project/jobscripts/close_interrupted_runs.py && $script != close_interrupted_runs ]] || return 0
    # closing it is a new run: with the same number it would replace the other one
    unset ETL_START_FD ETL_RUN_UUID ETL_STEP_NUMBER ETL_TIME_LIMIT_HOURS
    start_python close_interrupted_runs >&2
    local job_code=$code
    wait_for_python
    code=$job_code
    printf '%s: killed by signal %d; its run is closed\n' "$script" "$((code - 128))" >&2
}

# --- start check --------------------------------------------------------------------------------------------------

read_start() { # sets $start: begun, own (it reports its own errors) or failed
    local line said=''
    start=failed
    while read -r -t 0 -u "$start_words" && IFS= read -r -u "$start_words" line; do
        case $line in
            begun | own) start=$line ;;
            *) said=1 start=failed && add_trouble "${line%%$'\t'*}" "${line#*$'\t'}" ;;
        esac
    done
    [[ -z $said && $start == failed ]] || return 0
    case $code in
        0) start=own ;;
        2) [[ ${ETL_CRON:-} != 1 ]] || add_start_failure ;;
        129 | 130 | 143) ;; # stopped by a signal
        *) add_start_failure ;;
    esac
}

add_start_failure() { # with the last line of its output, if the cron log has it
    local text='' line last='' next variables='' name
    for name in ETL_DATA_DIR ETL_ENV_FILE; do
        [[ -z ${!name:-} ]] || printf -v variables '%s%s=%q ' "$variables" "$name" "${!name}"
    done
    printf -v next '; run by hand: %s%q %s' "$variables" "$project/etl" "$script"
    if [[ -n $cron_log ]]; then
        text=$(tail -c 20000 -- "$cron_log" 2>/dev/null || true)
        [[ $text == *"$script started, pid $$"$'\n'* ]] && text=${text##*"$script started, pid $$"$'\n'} || text=''
    fi
    while IFS= read -r line; do
        [[ -z $line || $line == '== '* ]] || last=$line
    done <<<"$text"
    [[ $last != *SyntaxError* || ! -e $project/.git/MERGE_HEAD ]] ||
        next="; git pull ended with a conflict, to undo it run: git -C $(printf %q "$project") merge --abort"
    [[ $last != *ModuleNotFoundError* && $last != *ImportError* ]] ||
        next="; run: $(printf %q "$project/install_dependencies.sh") --python-only"
    add_trouble "script ${last:-exit code $code}" "$script.py ended with exit code $code before it started${last:+: $last}$next"
}

main() {
    umask 007
    exec {stderr}>&2
    [[ ${ETL_CRON:-} != 1 ]] || exec >/dev/null 2>&1 # the cron log has it
    find_project
    # shellcheck source=systemscripts/shell/data_folder.bash
    source "$project/systemscripts/shell/data_folder.bash"
    # shellcheck source=systemscripts/shell/script_names.bash
    source "$project/systemscripts/shell/script_names.bash"
    # shellcheck source=systemscripts/shell/service_account.bash
    source "$project/systemscripts/shell/service_account.bash"
    case ${1:-} in
        '') usage >&2 && exit 2 ;;
        -h | --help) usage && exit 0 ;;
    esac
    wait_for_upgrade "$@"
    find_script "$1"
    change_user "$@"
    check_settings
    find_data_folder
    check_folders
    ensure_python "${@:2}"
    set_environment
    run_script "${@:2}"
    read_start
    close_killed_run
    report_start "$start"
    exit "$code"
}

main "$@"
