#!/usr/bin/env bash
# Prepare the host: the user etl_user with its group, the folders, the database with its logins, config/.env, cron,
# and the command etl.
#
# Usage: configure_etl_user.sh [--embedded] [--grant-home-access] [--dry-run]
#        configure_etl_user.sh --remove [--dry-run]
#        configure_etl_user.sh --undo-move [--dry-run]
#        configure_etl_user.sh --add-client NAME --key FILE
#        configure_etl_user.sh --remove-client NAME
#        configure_etl_user.sh --help
#
#   --embedded           use the embedded PostgreSQL, even if the host has its own
#   --grant-home-access  let etl_user pass through a home folder above the project (ACL x)
#   --dry-run            show what would be done, change nothing
#   --undo-move          move the data back into the project folder, and give it its former owner
#   --remove             remove user, group, cron file, the link etl and that right; data, database and settings are kept
#   --add-client         add an SFTP account for a client, with a public key; it sees only its own folder
#   --remove-client      remove the account; delivered files are kept
#
# Run it as root (sudo), at any time, before or after install_dependencies.sh. It does what it can, does not change what
# is already right, and says what waits for the other script.
#
# Environment:
#   ETL_ENV_FILE  another settings file than config/.env, for another environment (qa, prod); in a folder of root's
#   ETL_DATA_DIR  folder of file_watcher/, archive/, logs/ and var/ (default: /var/lib/client_etl_workflow)
#   ETL_CRON_FILE the cron file; by default each environment has its own: /etc/cron.d/etl_jobs, etl_jobs_qa ...
set -euo pipefail

readonly SERVICE_USER=etl_user SERVICE_GROUP=etl_group COMMAND_LINK=/usr/local/bin/etl
# for another run of this script to end
readonly MAX_WAIT_SECONDS=900

fail() { # CODE TEXT: the one exit for errors, one line
    printf 'configure_etl_user.sh: %s\n' "$2" >&2
    exit "$1"
}

say() {
    printf '%s\n' "$*"
}

usage() {
    local line
    while IFS= read -r line && [[ $line == \#* ]]; do
        [[ $line == '#!'* ]] || { line=${line#\#} && printf '%s\n' "${line# }"; }
    done <"$project/configure_etl_user.sh"
}

find_project() { # sets $project
    local place=${BASH_SOURCE[0]}
    [[ ! -L $place ]] || place=$(readlink -f -- "$place")
    [[ $place == */* ]] || place=./$place
    project=$(CDPATH='' cd -P -- "${place%/*}" && pwd)
    readonly project
}

# shellcheck disable=SC2034  # systemscripts/shell uses them
parse_arguments() {
    action=configure dry_run='' embedded='' grant_home_access='' client='' key=''
    while (($#)); do
        case $1 in
            --dry-run) dry_run=1 ;;
            --embedded) embedded=1 ;;
            --grant-home-access) grant_home_access=1 ;;
            --remove) action=remove ;;
            --undo-move) action=undo_move ;;
            --add-client | --remove-client)
                action=${1#--} client=${2:-}
                [[ -n $client && $client != -* ]] || fail 2 "$1 needs a name; see $(printf %q "$project/configure_etl_user.sh") --help"
                shift
                ;;
            --key)
                key=${2:-}
                [[ -n $key ]] || fail 2 "--key needs a file; see $(printf %q "$project/configure_etl_user.sh") --help"
                shift
                ;;
            -h | --help) usage && exit 0 ;;
            *) fail 2 "unknown argument $1; see $(printf %q "$project/configure_etl_user.sh") --help" ;;
        esac
        shift
    done
    [[ $action != add-client || -n $key ]] || fail 2 "--add-client $client needs --key FILE, the client's public key"
}

# --- what is done, and what waits -------------------------------------------------------------------------------------

change() { # TEXT COMMAND: print the change and make it; with --dry-run only print it
    changes=$((changes + 1))
    if [[ -n $dry_run ]]; then
        say "would $1"
        return
    fi
    "${@:2}" || fail 1 "could not $1"
    say "$1: done"
}

waits_for() { # TEXT
    waiting+=("$1")
}

# --- user and group ---------------------------------------------------------------------------------------------------

configure_accounts() {
    getent group "$SERVICE_GROUP" >/dev/null || change "create the group $SERVICE_GROUP" groupadd --system "$SERVICE_GROUP"
    local -r home=/home/$SERVICE_USER
    getent passwd "$SERVICE_USER" >/dev/null || change "create the user $SERVICE_USER" \
        useradd --system --gid "$SERVICE_GROUP" --no-create-home --home-dir "$home" --shell /bin/bash "$SERVICE_USER"
    if [[ ! -d $home ]]; then
        change "create $home" install -d -m 750 -o "$SERVICE_USER" -g "$SERVICE_GROUP" "$home"
    elif [[ $(stat -c %U -- "$home") != "$SERVICE_USER" && $project/ != "$home/"* ]]; then # left by a user with that name
        change "give $home to $SERVICE_USER" give_tree "$home" "$SERVICE_USER" "$SERVICE_GROUP"
    fi
    local -r operator=${SUDO_USER:-root}
    [[ $operator == root || $operator == "$SERVICE_USER" || " $(id -Gn -- "$operator") " == *" $SERVICE_GROUP "* ]] ||
        { change "add $operator to the group $SERVICE_GROUP, from the next login on" usermod -aG "$SERVICE_GROUP" "$operator" && new_member=$operator; }
}

# --- database and settings --------------------------------------------------------------------------------------------

configure_settings() { # config/.env: the data folder at once, the addresses when the database is known
    local value
    database_url='' reader_url='' data_line='' local_line=''
    find_setting ETL_DATA_DIR
    [[ -n $value ]] || data_line="ETL_DATA_DIR='$data'"
    find_setting ETL_LOCAL_DIR
    [[ -n $value ]] || local_line="ETL_LOCAL_DIR='$local_folder'"
    find_setting DATABASE_URL
    if [[ -n $value ]]; then
        :
    elif [[ -n $embedded ]]; then
        database_url=embedded
    elif [[ -n $dry_run ]] && { postgres_is_up || compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null; }; then
        say "would create the database etl with the logins etl and reader in the host's PostgreSQL"
    elif start_postgres; then
        make_database
        changes=$((changes + 1))
        say "create the database etl with the logins etl and reader: done"
    else
        waits_for "the database waits for PostgreSQL: run $(printf %q "$project/install_dependencies.sh"), then this script again (or this script with --embedded)"
    fi
    if [[ -n $database_url$data_line$local_line || ! -e $settings_file ]]; then
        change "write $settings_file" write_settings
    elif [[ $(stat -c '%U:%G %a' -- "$settings_file") != "root:$SERVICE_GROUP 640" ]]; then
        change "restrict $settings_file to root and $SERVICE_GROUP" write_settings
    fi
}

write_settings() { # a new file, from the present one or the example, with the lines that are known now
    local line known part source=$settings_file
    local -a more=()
    [[ -e $source ]] || source=$project/config/.env.example
    [[ -d ${settings_file%/*} ]] || install -d -m 755 -- "${settings_file%/*}" || return
    part=$(mktemp --suffix=.env -- "${settings_file%/*}/.XXXXXXXX") || return
    [[ -z $database_url ]] || more+=("DATABASE_URL=$database_url")
    [[ -z $reader_url ]] || more+=("DATABASE_READER_URL=$reader_url")
    [[ -z $data_line ]] || more+=("$data_line")
    [[ -z $local_line ]] || more+=("$local_line")
    while IFS= read -r line || [[ -n $line ]]; do
        for known in ${more[@]+"${more[@]}"}; do
            [[ $line != "#${known%%=*}="* ]] || line=$known
        done
        printf '%s\n' "$line"
    done <"$source" >"$part"
    for known in ${more[@]+"${more[@]}"}; do # an older file has no such line
        grep -qxF -e "$known" -- "$part" || printf '%s\n' "$known" >>"$part"
    done
    chown "root:$SERVICE_GROUP" -- "$part" && chmod 640 -- "$part" && mv -T -- "$part" "$settings_file"
}

# --- cron -------------------------------------------------------------------------------------------------------------

can_ask_pipelines() {
    local value
    find_setting DATABASE_URL
    ((EUID == 0)) && [[ -n $value ]] && getent passwd "$SERVICE_USER" >/dev/null &&
        as_service_user test -x "$project/.venv/bin/python"
}

make_cron_text() { # sets $wanted
    if can_ask_pipelines; then
        # not as a job: nothing is logged if nothing has to change
        # shellcheck disable=SC2016  # for another shell
        wanted=$(as_service_user bash -c '"$@" 2>/dev/null' bash env PYTHONPATH="$project" PYTHONDONTWRITEBYTECODE=1 \
            "$project/.venv/bin/python" -P -m systemscripts.schedules.cron_file --here && printf x) ||
            fail 78 "the schedules of the pipelines cannot be read; run: $(printf %q "$project/etl") check"
        wanted=${wanted%x}
    else # the example of the project, with the path of this installation
        wanted=$(<"$project/etl_jobs.cron")$'\n'
        wanted=${wanted/'# Installation: /home/etl_user/client_etl_workflow'/"$mark"}
        local quoted=$project
        [[ $quoted =~ ^[A-Za-z0-9@%+=:,./_-]+$ ]] || quoted="'${quoted//\'/\'\"\'\"\'}'"
        wanted=${wanted//"/home/etl_user/client_etl_workflow/"/"${quoted//%/\\%}/"}
        wanted=${wanted//"'/run_python_etl_script.sh"/"/run_python_etl_script.sh'"}
        [[ -z ${ETL_DATA_DIR:-} ]] || wanted=${wanted/'ETL_CRON=1'/"ETL_CRON=1"$'\n'"ETL_DATA_DIR=$ETL_DATA_DIR"}
        [[ -z ${ETL_ENV_FILE:-} ]] || wanted=${wanted/'ETL_CRON=1'/"ETL_CRON=1"$'\n'"ETL_ENV_FILE=$ETL_ENV_FILE"}
    fi
    # users who may write to the project must not become another user through it
    awk -v user="$SERVICE_USER" '!/^(#|$|[A-Z_]+=)/ && ($1 ~ /^@/ ? $2 : $6) != user {bad = 1} END {exit bad}' <<<"$wanted" ||
        fail 78 "the cron file would run a command as another user than $SERVICE_USER; see: $(printf %q "$project/etl") schedule show --as-file"
}

configure_cron() {
    local wanted
    type -P cron >/dev/null || waits_for "cron is not installed: run $(printf %q "$project/install_dependencies.sh")"
    [[ -d ${cron_file%/*} ]] || { waits_for "$cron_file waits for cron" && return; }
    check_cron_file
    if [[ -f $cron_file ]] && ! can_ask_pipelines; then # a file made from the pipelines is better than the example
        waits_for "$cron_file is not changed before there is a Python environment: run $(printf %q "$project/install_dependencies.sh"), then this script again"
        return
    fi
    make_cron_text
    if [[ -f $cron_file ]] && printf '%s' "$wanted" | cmp -s - "$cron_file" && [[ $(stat -c '%u %a' "$cron_file") == '0 644' ]]; then
        return
    fi
    change "install $cron_file" install_cron_file
}

install_cron_file() { # atomically; cron ignores the temporary file, because its name has a dot
    printf '%s' "$wanted" | install -m 644 -o root -g root /dev/stdin "$cron_file.part" && mv -- "$cron_file.part" "$cron_file"
}

# --- the command etl ----------------------------------------------------------------------------------------------------

configure_command() { # a link from the search path to the project's etl; that of another installation is left alone
    [[ -d ${COMMAND_LINK%/*} && -x $project/etl ]] || return 0
    [[ ! -L $COMMAND_LINK || -e $COMMAND_LINK ]] || change "remove $COMMAND_LINK, which leads nowhere" rm -f -- "$COMMAND_LINK"
    [[ -L $COMMAND_LINK || -e $COMMAND_LINK ]] || change "install $COMMAND_LINK" ln -s -- "$project/etl" "$COMMAND_LINK"
}

remove_command() {
    [[ ! -L $COMMAND_LINK || $(readlink -- "$COMMAND_LINK") != "$project/etl" ]] || is_shared ||
        change "remove $COMMAND_LINK" rm -f -- "$COMMAND_LINK"
}

# --- remove ---------------------------------------------------------------------------------------------------

remove() {
    local folder part='' other
    local -r owner=${SUDO_USER:-root}
    local -a names
    check_cron_file
    [[ ! -e $cron_file ]] || change "remove $cron_file" rm -f -- "$cron_file"
    remove_command
    getent passwd "$SERVICE_USER" >/dev/null || { remove_group && return; }
    stop_embedded_database "$data"
    other=$(other_cron_files)
    if [[ -n $other ]]; then
        say "waits: $SERVICE_USER is kept with its files, because other environments use it: ${other% }"
        return
    fi
    [[ -n $dry_run ]] || check_nothing_runs
    IFS=/ read -ra names <<<"${project%/*}"
    for folder in "${names[@]}"; do
        [[ -n $folder ]] || continue
        part=$part/$folder
        ! type -P getfacl >/dev/null || ! getfacl -cp -- "$part" 2>/dev/null | grep -q "^user:$SERVICE_USER:" ||
            change "remove the right of $SERVICE_USER to pass through $part" setfacl -x "u:$SERVICE_USER" "$part"
    done
    # a user number without a name would belong to the next user with that number
    for folder in "/home/$SERVICE_USER" "$data" "$DATA_FOLDER"*/; do
        [[ -d $folder && $(stat -c %U:%G -- "$folder") =~ ^($SERVICE_USER:|root:$SERVICE_GROUP$) ]] || continue
        change "give ${folder%/} to $owner" give_tree "${folder%/}" "$owner" "$(id -gn -- "$owner")"
        [[ $folder == /home/* || -z $(find "$folder" -type l -print -quit) ]] ||
            change "remove the links in ${folder%/}, which jobs of $owner would follow" find "$folder" -type l -delete
    done
    remove_from_clients
    change "remove the user $SERVICE_USER" userdel "$SERVICE_USER"
    remove_group
}

remove_from_clients() { # the accounts stay; only files of the service user go to root
    local -r folder=/srv/client_etl_workflow
    [[ ! -d $folder ]] || change "give the files of $SERVICE_USER in $folder to root" chown -hR --from="$SERVICE_USER" root "$folder"
    [[ ! -d $folder ]] || change "give the files of $SERVICE_GROUP in $folder to root" chown -hR --from=":$SERVICE_GROUP" :root "$folder"
    local -r clients=$(getent group etl_clients | cut -d: -f4)
    [[ -z $clients ]] || say "the accounts of clients are kept ($clients); to remove one: --remove-client NAME; to use one after the next set-up: --add-client"
}

remove_group() { # and the code goes to who uses sudo; private files stay private
    getent group "$SERVICE_GROUP" >/dev/null || return 0
    local -r owner=${SUDO_USER:-root}
    if [[ $(stat -c %G -- "$project") == "$SERVICE_GROUP" ]]; then
        change "give $project to $owner" give_tree "$project" "$owner" "$(id -gn -- "$owner")"
        change "open $project to $owner" chmod 750 -- "$project"
    fi
    [[ ! -f $settings_file || -L $settings_file ]] ||
        change "restrict $settings_file to $owner" give_settings "$owner"
    [[ ! -d $local_folder || $(stat -c %G -- "$local_folder") != "$SERVICE_GROUP" ]] ||
        change "give $local_folder to the group of $owner" chgrp -hR "$(id -gn -- "$owner")" "$local_folder"
    change "remove the group $SERVICE_GROUP" groupdel "$SERVICE_GROUP"
}

give_settings() { # USER
    chown -h "$1:" -- "$settings_file" && chmod 600 -- "$settings_file"
}

# --- main --------------------------------------------------------------------------------------------------

require_root() { # ARGUMENTS
    local shown
    printf -v shown ' %q' "$project/configure_etl_user.sh" "$@"
    ((EUID == 0)) || [[ -n $dry_run ]] || fail 78 "this needs root; run: sudo$shown"
}

configure() {
    configure_accounts
    protect_place
    configure_folders
    configure_local_folder
    configure_settings
    configure_passage
    configure_cron
    configure_command
}

manage_client() {
    [[ -z $dry_run ]] || fail 2 "--dry-run only works for the set-up, not for single clients"
    getent passwd "$SERVICE_USER" >/dev/null ||
        fail 78 "there is no $SERVICE_USER yet; first run: sudo $(printf %q "$project/configure_etl_user.sh")"
    # shellcheck disable=SC1091  # a path like those above
    source "$project/systemscripts/shell/client_accounts.bash"
    if [[ $action == add-client ]]; then add_client "$client" "$key"; else remove_client "$client"; fi
}

report() {
    local text
    for text in ${waiting[@]+"${waiting[@]}"}; do say "waits: $text"; done
    [[ -z $new_member || -n $dry_run ]] || say "$new_member is in $SERVICE_GROUP from the next login on; to use etl in this one, type: newgrp $SERVICE_GROUP"
    ((changes)) || say "nothing to change"
}

main() {
    umask 022
    find_project
    parse_arguments "$@"
    require_root "$@"
    exec {lock}<"$project"
    flock -w "$MAX_WAIT_SECONDS" "$lock" || fail 75 "another installation in $project does not end; find it with ps, then run this script again"
    # shellcheck source=systemscripts/shell/data_folder.bash
    source "$project/systemscripts/shell/data_folder.bash"
    # shellcheck source=systemscripts/shell/service_account.bash
    source "$project/systemscripts/shell/service_account.bash"
    # shellcheck source=systemscripts/shell/host_folders.bash
    source "$project/systemscripts/shell/host_folders.bash"
    # shellcheck source=systemscripts/shell/host_database.bash
    source "$project/systemscripts/shell/host_database.bash"
    settings_file=${ETL_ENV_FILE:-$project/config/.env} record=$project/.moved
    changes=0 waiting=() data='' new_member=''
    find_host_data_folder
    find_local_folder
    # shellcheck source=systemscripts/shell/cron_file.bash
    source "$project/systemscripts/shell/cron_file.bash"
    find_cron_file
    case $action in
        configure) configure ;;
        remove | undo_move) "$action" ;;
        *) manage_client && return ;;
    esac
    report
}

main "$@"
