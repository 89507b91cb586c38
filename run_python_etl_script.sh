#!/usr/bin/env bash
# Runs a job script in the project's own Python.
#
# Usage: run_python_etl_script.sh SCRIPT[.py] [ARGUMENTS]
#        run_python_etl_script.sh --help
#
# Works from any directory, through a symbolic link and from cron's bare environment. Makes the Python environment
# when there is none. Off a terminal the output also goes to logs/etl_cron.log. The exit code is the script's own:
# 0 done, 1 failed, 2 wrong usage, 65 bad input data, 75 try again later, 78 bad configuration.
#
# Environment:
#   ETL_DATA_DIR       where file_watcher/, archive/, logs/ and var/ live (default: the project folder)
#   ETL_ENV_FILE       another settings file than config/.env
#   ETL_NO_CRON_LOG=1  do not copy the output to logs/etl_cron.log
set -euo pipefail

readonly SERVICE_USER=etl_user

fail() { # CODE TEXT: the one exit for errors, one line
    printf 'run_python_etl_script.sh: %s\n' "$2" >&2
    exit "$1"
}

find_project() {
    local place=${BASH_SOURCE[0]}
    [[ ! -L $place ]] || place=$(readlink -f -- "$place")
    [[ $place == */* ]] || place=./$place
    project=$(CDPATH='' cd -P -- "${place%/*}" && pwd) # a plain assignment: the exit code of cd counts
    readonly project wrapper=$project/run_python_etl_script.sh
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

script_files() { # the names in $scripts
    local file
    scripts=()
    for file in "$project"/jobscripts/[a-z]*.py; do
        [[ ! -e $file ]] || { file=${file##*/} && scripts+=("${file%.py}"); }
    done
}

list_scripts() {
    local name first
    script_files
    for name in ${scripts[@]+"${scripts[@]}"}; do
        while IFS= read -r first && [[ $first == \#* || -z $first ]]; do :; done <"$project/jobscripts/$name.py"
        [[ $first == '"""'* ]] && first=${first#'"""'} || first=''
        printf '  %-28s %s\n' "$name" "${first%'"""'}"
    done
}

distance() { # WORD WORD: how many letters differ, in $letters
    local one=$1 other=$2 i j cost next corner
    local -a row
    for ((j = 0; j <= ${#other}; j++)); do row[j]=$j; done
    for ((i = 1; i <= ${#one}; i++)); do
        corner=${row[0]}
        row[0]=$i
        for ((j = 1; j <= ${#other}; j++)); do
            cost=1
            [[ ${one:i-1:1} != "${other:j-1:1}" ]] || cost=0
            next=$((corner + cost))
            corner=${row[j]}
            ((row[j] >= next)) || next=$((row[j] + 1))
            ((row[j - 1] >= next)) || next=$((row[j - 1] + 1))
            row[j]=$next
        done
    done
    letters=${row[${#other}]}
}

unknown_script() { # NAME
    local name best='' least=5
    script_files
    for name in ${scripts[@]+"${scripts[@]}"}; do
        distance "${1:0:60}" "$name"
        ((letters >= least)) || { least=$letters && best=$name; }
    done
    [[ -z $best ]] || fail 2 "there is no script \"$1\"; did you mean $best? (--help lists all)"
    fail 2 "there is no script \"$1\" in $project/jobscripts; known: ${scripts[*]-}"
}

find_script() { # NAME as typed, perhaps completed by the shell
    script=${1#"$project/"}
    script=${script#./}
    script=${script#jobscripts/}
    script=${script%.py}
    [[ $script =~ ^[A-Za-z][A-Za-z0-9_]*$ && -f $project/jobscripts/$script.py ]] || unknown_script "$1"
}

# --- as whom --------------------------------------------------------------------------------------------------------

change_user() { # ARGUMENTS: goes on as the service user where the installation is his
    [[ ! -O $project ]] || return 0 # one built-in test in the everyday case
    [[ $(stat -c %U -- "$project") == "$SERVICE_USER" && $(id -un) != "$SERVICE_USER" ]] || return 0
    local -a command=("$wrapper" "$@") settings=()
    local name shown
    # Another settings file or data folder must not get lost on the way, or the job would work on the wrong database.
    for name in "${!ETL_@}"; do settings+=("$name=${!name}"); done
    ((${#settings[@]} == 0)) || command=(env "${settings[@]}" "${command[@]}")
    if ((EUID == 0)) && type -P runuser >/dev/null; then
        runuser -u "$SERVICE_USER" -- test -x "$wrapper" ||
            fail 78 "$SERVICE_USER cannot pass the folders above $project; run: sudo $(printf %q "$project/configure_etl_user.sh") --grant-home-access"
        exec runuser -u "$SERVICE_USER" -- "${command[@]}"
    fi
    # The wrapper's own --help shows whether sudo allows exactly this, without doing anything.
    if sudo -n -u "$SERVICE_USER" -- "${command[@]:0:${#command[@]}-$#}" --help >/dev/null 2>&1; then
        exec sudo -n -u "$SERVICE_USER" -- "${command[@]}"
    fi
    printf -v shown ' %q' "${command[@]}"
    fail 78 "this installation belongs to $SERVICE_USER; run: sudo -u $SERVICE_USER$shown"
}

# --- checks before any work -----------------------------------------------------------------------------------------

mend() { # PATH: the command that lets the caller write there
    local user group=''
    user=$(id -un)
    group=$(stat -c %G -- "$1")
    if [[ " $(id -Gn) " == *" $group "* && $group != "$user" ]]; then
        printf 'sudo chmod -R g+rwX %q' "$1"
    else
        printf 'sudo chown -R %q: %q' "$user" "$1"
    fi
}

check_folder() { # PATH: exists or can be made, and can be written
    local parent=$1
    [[ ! -d $1 || ! -w $1 || ! -x $1 ]] || return 0
    [[ -e $1 ]] || ! mkdir -p -- "$1" 2>/dev/null || return 0
    until [[ -e $parent ]]; do parent=${parent%/*} && parent=${parent:-/}; done
    fail 78 "$1 cannot be written by $(id -un); run: $(mend "$parent")"
}

check_folders() {
    check_folder "$data/logs"
    check_folder "$data/archive"
    cron_log=$data/logs/etl_cron.log
    [[ ! -e $cron_log || -w $cron_log ]] || fail 78 "$cron_log cannot be written by $(id -un); run: $(mend "$cron_log")"
}

# --- the Python environment -----------------------------------------------------------------------------------------

ensure_python() {
    python=$project/.venv/bin/python
    # install_dependencies.sh leaves a copy of what it installed: complete, and still what is asked for.
    if [[ ! -x $python ]] || ! cmp -s "$project/requirements.txt" "$project/.venv/.requirements.txt"; then
        "$project/install_dependencies.sh" --python-only >&2 || exit
    fi
}

set_environment() {
    export PYTHONPATH=$project PYTHONUNBUFFERED=1
    export PATH=${PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}
    [[ -n ${LC_ALL:-}${LANG:-} ]] || export LANG=C.UTF-8 LC_ALL=C.UTF-8
    # Byte code that belongs to another user would only be in the owner's way.
    [[ -O $project ]] || export PYTHONDONTWRITEBYTECODE=1
}

# --- the run --------------------------------------------------------------------------------------------------------

wants_cron_log() {
    [[ ! -t 1 && ${ETL_NO_CRON_LOG:-} != 1 ]] || return 1
    # Scripts whose output is data (or a secret) say so in one of their first five lines and are not copied.
    local line number=0
    while ((++number <= 5)) && IFS= read -r line; do
        [[ $line != '# no cron log'* ]] || return 1
    done <"$project/jobscripts/$script.py"
}

note() { # TEXT: one line of our own in the cron log
    printf '== %(%F %T%z)T %s %s\n' -1 "$script" "$1" >>"$cron_log" 2>/dev/null || true
}

start_python() { # FILE ARGUMENTS
    # In a subshell, since a background command would otherwise ignore Ctrl-C; <&0, since it would read /dev/null.
    (
        trap - INT QUIT
        exec "$python" "$project/jobscripts/$1.py" "${@:2}"
    ) <&0 &
    child=$!
}

copy_to_cron_log() { # copies its input to the log and its output; tells when it has all
    trap '' INT TERM HUP
    tee -a -p -- "$cron_log" || true # -p: a reader that has gone does not end the job
    printf x >&"$finished"
}

start_with_cron_log() { # ARGUMENTS
    # One tee per stream: what goes to stdout stays on stdout.
    local out err
    exec {finished}<> <(:) # a pipe without a name
    note "started, pid $$"
    exec {out}> >(copy_to_cron_log 2>/dev/null)
    tees=1
    if [[ -t 2 ]]; then # a progress bar wants its terminal
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
in_foreground() { # does this process group own the terminal?
    local -a state
    local text
    read -r text </proc/$$/stat || return 1
    read -ra state <<<"${text##*) }"
    [[ ${state[2]} == "${state[5]}" ]]
}

# shellcheck disable=SC2329
forward() { # SIGNAL
    interrupted=1
    # From a terminal the kernel has already sent it to the whole group: once is enough.
    [[ $1 != TERM ]] && in_foreground || kill -s "$1" "$child" 2>/dev/null || true
}

wait_for_python() { # leaves its exit code in $code
    interrupted=1
    while [[ -n $interrupted ]]; do # a trapped signal ends wait early
        interrupted=''
        code=0
        wait "$child" || code=$?
    done
}

wait_for_tees() {
    # Somebody the job left behind may hold our pipe for ever. tee goes on for him, we do not.
    while ((tees-- > 0)) && read -r -t 5 -n 1 -u "$finished" _; do :; done
}

run_script() { # ARGUMENTS
    child='' tees=0 interrupted='' code=0
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

after_death() { # a killed job could not tell anybody: its row is closed and the alert sent from here
    ((code > 128 && code < 160)) || return 0
    ((code != 129 && code != 130 && code != 143)) || return 0 # it stopped itself when asked to
    [[ -f $project/jobscripts/close_interrupted_runs.py && $script != close_interrupted_runs ]] || return 0
    # What the dead run was, its closing is not: a run of the same number would take the other's place.
    unset ETL_RUN_UUID ETL_STEP_NUMBER ETL_TIME_LIMIT_HOURS
    start_python close_interrupted_runs >&2
    local job_code=$code
    wait_for_python
    code=$job_code
    printf '%s: ended by signal %d without a word; its run is closed\n' "$script" "$((code - 128))" >&2
}

main() {
    umask 007
    find_project
    # shellcheck source=systemscripts/shell/data_folder.bash
    source "$project/systemscripts/shell/data_folder.bash"
    case ${1:-} in
        '') usage >&2 && exit 2 ;;
        -h | --help) usage && exit 0 ;;
    esac
    find_script "$1"
    change_user "$@"
    find_data_folder
    check_folders
    ensure_python
    set_environment
    run_script "${@:2}"
    after_death
    exit "$code"
}

main "$@"
