# Set up the folders, their owner and modes, and the right to pass through the folders above. For configure_etl_user.sh,
# which has the functions say, fail, change, fix_files and waits_for.
# shellcheck disable=SC2154  # set by configure_etl_user.sh

check_embedded_database() { # its files must not get another owner while it runs
    local -r pid_file=$data/var/database/data/postmaster.pid
    local pid owner
    [[ -f $pid_file ]] || return 0
    pid=$(head -n 1 "$pid_file")
    owner=$(ps -o user= -p "$pid" 2>/dev/null) || return 0
    [[ $owner == "$SERVICE_USER" ]] ||
        fail 75 "the embedded database runs as $owner; stop it first: sudo -u $owner ${project@Q}/etl database stop"
}

configure_folders() {
    local folder
    check_embedded_database
    for folder in file_watcher/file_watcher_temp file_watcher/refused archive logs var; do
        [[ -d $data/$folder ]] || change "create $data/$folder" mkdir -p -- "$data/$folder"
    done
    for folder in "$project" "$data"; do
        [[ $folder == "$project" || $folder != "$project"/* ]] || continue # below the project folder: done with it
        give_to_service_user "$folder"
    done
    for folder in file_watcher archive logs; do
        fix_files "give the files of $data/$folder mode 660" "$data/$folder" -type f ! -perm 660 -- chmod 660
    done
}

give_to_service_user() { # FOLDER: open to its group, closed to others; private files stay private
    getent passwd "$SERVICE_USER" >/dev/null ||
        { change "give $1 to $SERVICE_USER, folders with mode 2770, files closed to others" && return; } # --dry-run
    # the files of Python, git and PostgreSQL have their own modes, which must not change
    local -ra apart=(-name .venv -o -name .git -o -name __pycache__ -o -path "$data/var/database" -o -path "$data/var/demo")
    fix_files "give $1 to $SERVICE_USER" "$1" \( ! -user "$SERVICE_USER" -o ! -group "$SERVICE_GROUP" \) -- \
        chown -h "$SERVICE_USER:$SERVICE_GROUP"
    fix_files "give the folders in $1 mode 2770" "$1" \( "${apart[@]}" \) -prune -o -type d ! -perm 2770 -- chmod 2770
    fix_files "close the files in $1 to others" "$1" \( "${apart[@]}" \) -prune -o -type f -perm /007 -- chmod o-rwx
    fix_files "let the group write the files in $1" "$1" \( "${apart[@]}" \) -prune -o -type f -perm -040 ! -perm -020 -- chmod g+w
}

can_pass() { # FOLDER: whether the service user may pass through it
    if getent passwd "$SERVICE_USER" >/dev/null && ((EUID == 0)); then
        runuser -u "$SERVICE_USER" -- test -x "$1"
    else
        [[ $(stat -c %A -- "$1") == *[xt] ]]
    fi
}

configure_passage() { # the service user must be able to pass through every folder above the project
    local folder part=''
    local -a names
    IFS=/ read -ra names <<<"${project%/*}"
    for folder in "${names[@]}"; do
        [[ -n $folder ]] || continue
        part=$part/$folder
        ! can_pass "$part" || continue
        if [[ -z $grant_home_access ]]; then
            waits_for "$SERVICE_USER cannot pass through $part; to grant only that right run: sudo ${project@Q}/configure_etl_user.sh --grant-home-access"
            return
        fi
        type -P setfacl >/dev/null || { waits_for "the right to pass through $part needs the package acl: run $(printf %q "$project/install_dependencies.sh")" && return; }
        change "let $SERVICE_USER pass through $part" setfacl -m "u:$SERVICE_USER:x" "$part"
    done
}
