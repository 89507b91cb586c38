# Set up who owns what: the code is root's, the data are the service user's, in a folder of their own (docs/security.md).
# For configure_etl_user.sh, which has the functions say, fail, change and waits_for.
#
# The service user may have been taken over. So root takes no path from a file of that user's, follows no link, and
# changes owners only in a tree that is closed to everyone else.
# shellcheck disable=SC2154  # set by configure_etl_user.sh

readonly DATA_FOLDER=/var/lib/client_etl_workflow
# the folders of the data, which once lay in the project folder
readonly DATA_NAMES=(file_watcher archive logs var)

# --- which data folder ------------------------------------------------------------------------------------------------

is_changeable() { # PATH: whether the service user can change or replace it
    local path=$1
    until [[ -e $path || -L $path ]]; do path=${path%/*} && path=${path:-/}; done
    local state
    for state in "$(stat -c '%U %G %A' -- "$path")" "$(stat -c '%U %G %A' -- "${path%/*}/")"; do
        [[ $state != "$SERVICE_USER "* && $state != *" $SERVICE_GROUP ?????w"* && $state != *' ????????w?' ]] || return 0
    done
    # above the project, protect_place() sees to it
    while [[ $path == /* && $path != "$project" ]]; do
        path=${path%/*}
        ! can_replace_in "$path/" || return 0
    done
    return 1
}

can_replace_in() { # FOLDER: whether the service user can put something else in the place of what others have in it
    local -r state=$(stat -c '%U %G %A' -- "$1")
    [[ $state == "$SERVICE_USER "* || $state == *" $SERVICE_GROUP ?????w"*[^tT] || $state == *' ????????w'[^tT] ]]
}

find_host_data_folder() { # sets $data: from the environment, else a settings file of root's, else a folder of its own
    local value=${ETL_DATA_DIR:-} word
    refuse_links
    if [[ -z $value && -e $settings_file ]]; then
        find_setting ETL_DATA_DIR
        [[ -z $value ]] || ! is_changeable "$settings_file" ||
            fail 78 "$settings_file names the data folder $(printf %q "$value"), but $SERVICE_USER can change that file; if the folder is right run: sudo ETL_DATA_DIR=$(printf %q "$value") $(printf %q "$project/configure_etl_user.sh")"
    fi
    data=${value:-$DATA_FOLDER}
    [[ $data == /* && $data != *[[:cntrl:]\']* && $data != */../* && $data != */ ]] ||
        fail 2 "the data folder $(printf %q "$data") is not an absolute path; set ETL_DATA_DIR"
    [[ $data != "$project" ]] || fail 2 "the data folder must not be the project folder, which $SERVICE_USER must not change; set ETL_DATA_DIR to another folder"
    [[ -n $value ]] || ! is_taken "$data" || {
        word=${ETL_ENV_FILE:-$project}
        word=${word##*/}
        word=${word%.env}
        data=${DATA_FOLDER}_${word//[^A-Za-z0-9_-]/_}
        ! is_taken "$data" || fail 78 "$data is in use by another installation, or of an earlier one; name the data folder: sudo ETL_DATA_DIR=... $(printf %q "$project/configure_etl_user.sh")"
    }
    [[ ! -L $data ]] || fail 78 "the data folder $data is a link; set ETL_DATA_DIR to where it leads"
    is_data_folder || fail 78 "$data is not a data folder: it contains other files; set ETL_DATA_DIR to an empty or a new folder"
}

is_data_folder() { # new, empty, or with a part of the data
    local name
    [[ -r $data && -n $(ls -A -- "$data") ]] || return 0
    for name in "${DATA_NAMES[@]}" .moving-"${DATA_NAMES[0]}"; do [[ ! -d $data/$name ]] || return 0; done
    return 1
}

is_taken() { # FOLDER: whether it exists, and this installation has not begun to use it
    [[ -e $1 && $(sed -n 's/^data=//p' "$record" 2>/dev/null) != "$1" ]]
}

refuse_links() { # at the places that root reads and writes
    local path
    for path in "$project/config" "$settings_file" "$project/config/.env.example" "$record"; do
        [[ ! -L $path ]] || fail 78 "$path is a link; see where it leads and who made it (ls -l), then run: sudo rm $(printf %q "$path")"
        [[ ! -e $path || -f $path || -d $path ]] || fail 78 "$path is neither a file nor a folder; see who made it (ls -l)"
    done
    [[ ! -e $record ]] || ! is_changeable "$record" ||
        fail 78 "$record says what root moved, but $SERVICE_USER can change it; run: sudo rm $(printf %q "$record")"
    [[ $settings_file == "$project/config/.env" ]] || ! is_changeable "${settings_file%/*}" ||
        fail 78 "${settings_file%/*} can be changed by $SERVICE_USER, so root writes no settings there; use a folder of root's, such as ETL_ENV_FILE=/etc/client_etl_workflow/${settings_file##*/}"
}

# --- owners -----------------------------------------------------------------------------------------------------------

close_tree() { # FOLDER: from now on only root enters it, and works in it
    [[ ! -L $1 && -d $1 ]] || fail 78 "$1 is not a folder"
    [[ $(</proc/sys/fs/protected_hardlinks) == 1 ]] ||
        fail 78 "users may link to the files of others here; run: sudo sysctl fs.protected_hardlinks=1"
    check_nothing_runs
    chown -h root:root -- "$1" && chmod 700 -- "$1"
    # who came in meanwhile could stay
    check_nothing_runs
}

check_nothing_runs() {
    ! getent passwd "$SERVICE_USER" >/dev/null || ! pgrep -u "$SERVICE_USER" >/dev/null ||
        fail 75 "processes of $SERVICE_USER are still running; stop them (ps -u $SERVICE_USER), then run this script again"
}

give_tree() { # FOLDER USER GROUP
    close_tree "$1"
    chown -hR -- "$2:$3" "$1"
}

own_code() { # the project is root's; the service group reads it
    local -r closing=$(find "$project" -path "$data" -prune -o \( -user "$SERVICE_USER" -o -group "$SERVICE_GROUP" -perm -020 \) ! -type l -print -quit 2>/dev/null)
    [[ -z $closing ]] || close_tree "$project"
    find "$project" -path "$data" -prune -o \( ! -user root -o ! -group "$SERVICE_GROUP" \) -exec chown -h "root:$SERVICE_GROUP" {} +
    find "$project" -path "$data" -prune -o ! -type l -perm /6027 -exec chmod u+rwX,u-s,g=rX,g-s,o= {} +
    chown -h "root:$SERVICE_GROUP" -- "$project" && chmod u=rwx,g=rx,g-s,o= -- "$project"
}

is_code_owned() {
    # Python writes byte code with the group and mode of the caller
    [[ -z $(find "$project" -path "$data" -prune -o \( ! -user root -o ! -type l -perm /022 -o ! -path '*/__pycache__*' \( ! -group "$SERVICE_GROUP" -o ! -type l -perm /6027 \) \) -print -quit 2>/dev/null) ]]
}

protect_place() { # who may write to a folder above the project could put another project in its place; outermost first
    local folder part=''
    local -a names
    IFS=/ read -ra names <<<"${project%/*}"
    for folder in "${names[@]}"; do
        [[ -n $folder ]] || continue
        part=$part/$folder
        ! can_replace_in "$part" ||
            change "let $SERVICE_USER not replace what others have in $part" keep_in_place "$part"
    done
}

keep_in_place() { # FOLDER: who may write there still does, but only removes and renames their own
    if [[ $(stat -c %U -- "$1") == "$SERVICE_USER" ]]; then
        chown -h "root:$SERVICE_GROUP" -- "$1" && chmod g+rwx -- "$1" || return
    fi
    chmod +t -- "$1"
}

# --- the data folder --------------------------------------------------------------------------------------------------

make_data_folder() {
    local parent=${data%/*}
    if [[ ! -e $data ]] && is_changeable "$parent"; then
        as_service_user mkdir -p -- "$data"
    elif [[ ! -e $data ]]; then
        install -d -m 755 -- "$parent" && install -d -m 2770 -o "$SERVICE_USER" -g "$SERVICE_GROUP" -- "$data"
    else
        ! can_replace_in "$parent/" || fail 78 "$SERVICE_USER can change $parent, so root gives it nothing there; run: sudo chown root $(printf %q "$parent")"
        give_tree "$data" "$SERVICE_USER" "$SERVICE_GROUP" && chmod 2770 -- "$data"
    fi
}

# as the service user: folders open to the group, files of the data closed to others; PostgreSQL's files keep their modes
# shellcheck disable=SC2016  # for another shell
readonly SET_DATA_MODES='
    cd -- "$1" && umask 007 && mkdir -p file_watcher/file_watcher_temp file_watcher/refused archive logs var || exit
    apart=(-path ./var/database -o -path ./var/demo)
    wrong=(-user "$2" \( -type d ! -perm 2770 -o -type f \( -perm /007 -o -perm -040 ! -perm -020 \) \))
    [[ -z ${3:-} ]] || { find . \( "${apart[@]}" \) -prune -o "${wrong[@]}" -print -quit | grep -q . && exit 3; exit 0; }
    find . \( "${apart[@]}" \) -prune -o -user "$2" -type d ! -perm 2770 -exec chmod 2770 {} +
    find . \( "${apart[@]}" \) -prune -o -user "$2" -type f \( -perm /007 -o -perm -040 ! -perm -020 \) -exec chmod o=,g+w {} +
    find file_watcher archive logs -user "$2" -type f ! -perm 660 -exec chmod 660 {} +'

set_data_modes() { # [--check]
    as_service_user bash -c "$SET_DATA_MODES" bash "$data" "$SERVICE_USER" "$@"
}

configure_folders() {
    local name
    for name in "${DATA_NAMES[@]}"; do
        ! is_in_project "$name" || { move_over && break; }
    done
    if [[ ! -d $data || $(stat -c %U -- "$data") != "$SERVICE_USER" ]]; then
        change "create $data for $SERVICE_USER, folders with mode 2770" make_data_folder
    fi
    is_code_owned || change "give $project to root, for $SERVICE_GROUP to read" own_code
    if [[ -n $dry_run && ! -d $data ]]; then
        for name in file_watcher archive logs var; do say "would create $data/$name"; done
    elif ((EUID == 0)) && ! { [[ -d $data/logs && -d $data/file_watcher/refused ]] && set_data_modes --check; }; then
        change "open the folders in $data to $SERVICE_GROUP, close the files to others" set_data_modes
    fi
}

# --- the operator's own configuration -----------------------------------------------------------------------------------

find_local_folder() { # sets $local_folder: from a settings file of root's, else one for each data folder
    local value word=${data#/}
    local_folder=/etc/client_etl_workflow/local
    [[ $data == "$DATA_FOLDER" ]] || local_folder+=_${word//[^A-Za-z0-9]/_}
    find_setting ETL_LOCAL_DIR
    [[ -z $value || $value == "$local_folder" ]] || ! is_changeable "$settings_file" ||
        fail 78 "$settings_file names the folder $(printf %q "$value") as ETL_LOCAL_DIR, but $SERVICE_USER can change that file; remove the line: sudo -u $SERVICE_USER sed -i /ETL_LOCAL_DIR/d $(printf %q "$settings_file")"
    local_folder=${value:-$local_folder}
}

configure_local_folder() { # imports, pipelines and reports that the operator writes and the service group reads
    ! is_changeable "${local_folder%/*}" ||
        fail 78 "$SERVICE_USER can change ${local_folder%/*}; name a folder of yours as ETL_LOCAL_DIR in $settings_file"
    if [[ ! -d $local_folder ]]; then
        change "create $local_folder for imports, pipelines and reports of ${SUDO_USER:-root}" make_local_folder
    elif [[ $(stat -c %G -- "$local_folder") != "$SERVICE_GROUP" ]]; then
        change "let $SERVICE_GROUP read $local_folder" chgrp -hR "$SERVICE_GROUP" "$local_folder"
    fi
}

make_local_folder() {
    install -d -m 755 -- "${local_folder%/*}" || return
    install -d -m 2750 -o "${SUDO_USER:-root}" -g "$SERVICE_GROUP" -- "$local_folder" "$local_folder"/{imports,pipelines,reports}
}

# --- from and to the layout of before -----------------------------------------------------------------------------------

is_in_project() { # NAME: whether this part of the data lies in the project folder
    [[ $data != "$project" && $settings_file == "$project/config/.env" && -d $project/$1 && ! -L $project/$1 ]]
}

move_over() { # the data leave the project folder; links stay in their places
    local -r owner=$(stat -c %U -- "$project")
    local name
    stop_embedded_database "$project"
    [[ -n $dry_run ]] || {
        close_tree "$project"
        [[ -d $data ]] || install -d -m 755 -- "${data%/*}"
        [[ -d $data ]] || mkdir -m 700 -- "$data"
        close_tree "$data"
        [[ -f $record ]] || printf 'owner=%s\ndata=%s\n' "$owner" "$data" >"$record"
    }
    for name in "${DATA_NAMES[@]}"; do
        ! is_in_project "$name" || change "move $project/$name to $data/$name, and leave a link" move_folder "$project/$name" "$data/$name" link
    done
    say "to undo the move: sudo $(printf %q "$project/configure_etl_user.sh") --undo-move"
}

move_folder() { # FROM TO [link]: at every moment one of them is complete; both trees are closed
    local -r part=${2%/*}/.moving-${2##*/}
    if [[ ! -e $2 ]]; then
        rm -rf -- "$part"
        if [[ $(stat -c %d -- "$1") == "$(stat -c %d -- "${2%/*}")" ]]; then
            mv -T -- "$1" "$2"
        else
            cp -a --reflink=auto -T -- "$1" "$part" || { rm -rf -- "$part" && return 1; }
            mv -T -- "$part" "$2"
        fi
    elif [[ -e $1 ]]; then # begun before, or only what comes with the project
        cp -an -T -- "$1" "$2" || return
    fi
    rm -rf -- "$1"
    [[ -z ${3:-} ]] || ln -s -- "$2" "$1"
}

undo_move() {
    local owner name
    [[ -f $record && ! -L $record && $(stat -c %U -- "$record") == root ]] || fail 78 "nothing was moved here: there is no $record"
    owner=$(sed -n 's/^owner=//p' "$record")
    data=$(sed -n 's/^data=//p' "$record")
    getent passwd "$owner" >/dev/null || owner=$SERVICE_USER
    stop_embedded_database "$data"
    [[ -n $dry_run ]] || { close_tree "$project" && close_tree "$data"; }
    for name in "${DATA_NAMES[@]}"; do
        [[ ! -L $project/$name ]] || change "move $data/$name back to $project/$name" move_back "$name"
    done
    [[ -n $dry_run ]] || rmdir -- "$data" || say "$data is kept, because it contains other files"
    change "give $project to $owner, as before" restore_owner "$owner"
}

move_back() { # NAME
    rm -f -- "$project/$1"
    move_folder "$data/$1" "$project/$1"
}

restore_owner() { # USER: with the modes of the layout of before
    local -ra apart=(-name .venv -o -name .venvs -o -name .git -o -name __pycache__ -o -path "$project/var/database" -o -path "$project/var/demo")
    sed -i '/^ETL_DATA_DIR=/d' "$settings_file" 2>/dev/null || true
    find "$project" \( "${apart[@]}" \) -prune -o -type d -exec chmod 2770 {} + -o -type f -perm -040 -exec chmod g+w {} +
    [[ ! -f $settings_file ]] || chmod 600 -- "$settings_file"
    rm -f -- "$record"
    chown -hR -- "$1:$SERVICE_GROUP" "$project" && chmod 2770 -- "$project"
    [[ $project/ != "/home/$SERVICE_USER/"* ]] || { chown -h "$SERVICE_USER" "/home/$SERVICE_USER" && chmod 750 "/home/$SERVICE_USER"; }
}

stop_embedded_database() { # FOLDER of the data
    local owner
    [[ -f $1/var/database/data/postmaster.pid ]] || return 0
    owner=$(stat -c %U -- "$1/var/database/data/postmaster.pid")
    if [[ $owner == "$SERVICE_USER" ]]; then
        change 'stop the embedded database' as_service_user env ETL_NO_CRON_LOG=1 "$project/run_python_etl_script.sh" database.py stop
    elif pgrep -u "$owner" -f -- "$1/var/database/data" >/dev/null; then
        fail 75 "the embedded database runs as $owner; stop it first: sudo -u $owner ${project@Q}/etl database stop"
    fi
}

# --- the folders above --------------------------------------------------------------------------------------------------

can_pass() { # FOLDER: whether the service user may pass through it
    if getent passwd "$SERVICE_USER" >/dev/null && ((EUID == 0)); then
        as_service_user test -x "$1"
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
