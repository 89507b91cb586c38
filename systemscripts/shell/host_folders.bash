# Folders, their owner and modes, and the way to them. For configure_etl_user.sh, which offers say, fail, change, mend and
# waits_for.
# shellcheck disable=SC2154  # what configure_etl_user.sh sets

check_embedded_database() { # its files must not change hands while it runs
    local -r pid_file=$data/var/database/data/postmaster.pid
    local pid owner
    [[ -f $pid_file ]] || return 0
    pid=$(head -n 1 "$pid_file")
    owner=$(ps -o user= -p "$pid" 2>/dev/null) || return 0
    [[ $owner == "$SERVICE_USER" ]] ||
        fail 75 "the embedded database runs as $owner; stop it first: sudo -u $owner ${project@Q}/run_python_etl_script.sh database.py stop"
}

configure_folders() {
    local folder
    check_embedded_database
    for folder in file_watcher/file_watcher_temp file_watcher/refused archive logs var; do
        [[ -d $data/$folder ]] || change "make $data/$folder" mkdir -p -- "$data/$folder"
    done
    for folder in "$project" "$data"; do
        [[ $folder == "$project" || $folder != "$project"/* ]] || continue # below the project: done with it
        own "$folder"
    done
    for folder in file_watcher archive logs; do
        mend "give the files of $data/$folder mode 660" "$data/$folder" -type f ! -perm 660 -- chmod 660
    done
}

own() { # FOLDER: all of it the service user's, open to his group, closed to others; what is private stays private
    getent passwd "$SERVICE_USER" >/dev/null ||
        { change "give $1 to $SERVICE_USER, folders with mode 2770, files closed to others" && return; } # --dry-run
    # Python's packages and byte code, git's objects and PostgreSQL's files have modes of their own, which must stay.
    local -ra apart=(-name .venv -o -name .git -o -name __pycache__ -o -path "$data/var/database" -o -path "$data/var/demo")
    mend "give $1 to $SERVICE_USER" "$1" \( ! -user "$SERVICE_USER" -o ! -group "$SERVICE_GROUP" \) -- \
        chown -h "$SERVICE_USER:$SERVICE_GROUP"
    mend "give the folders in $1 mode 2770" "$1" \( "${apart[@]}" \) -prune -o -type d ! -perm 2770 -- chmod 2770
    mend "close the files in $1 to others" "$1" \( "${apart[@]}" \) -prune -o -type f -perm /007 -- chmod o-rwx
    mend "let the group write the files in $1" "$1" \( "${apart[@]}" \) -prune -o -type f -perm -040 ! -perm -020 -- chmod g+w
}

can_pass() { # FOLDER: whether the service user may go through it
    if getent passwd "$SERVICE_USER" >/dev/null && ((EUID == 0)); then
        runuser -u "$SERVICE_USER" -- test -x "$1"
    else
        [[ $(stat -c %A -- "$1") == *[xt] ]]
    fi
}

configure_passage() { # every folder above the project must let him through
    local folder part=''
    local -a names
    IFS=/ read -ra names <<<"${project%/*}"
    for folder in "${names[@]}"; do
        [[ -n $folder ]] || continue
        part=$part/$folder
        ! can_pass "$part" || continue
        if [[ -z $grant_home_access ]]; then
            waits_for "$SERVICE_USER cannot pass $part; to let him through it, and nothing more, run: sudo ${project@Q}/configure_etl_user.sh --grant-home-access"
            return
        fi
        type -P setfacl >/dev/null || { waits_for "the right to pass $part needs the package acl: run install_dependencies.sh" && return; }
        change "let $SERVICE_USER pass $part" setfacl -m "u:$SERVICE_USER:x" "$part"
    done
}
