# Run commands as the service user, who may have been taken over: without a terminal or an open file of the caller's, and
# with a clean environment. For the scripts at the top level, which set $project, SERVICE_USER and SERVICE_GROUP.
# shellcheck shell=bash disable=SC2154

is_service_installation() { # whether configure_etl_user.sh set this project up: its jobs run as the service user
    local owner
    owner=$(stat -c %U:%G -- "$project")
    [[ $owner == "root:$SERVICE_GROUP" || $owner == "$SERVICE_USER:"* ]]
}

list_clean_environment() { # sets $clean, what the command may know of the caller's environment; $kept_names: more of it
    local name
    clean=("HOME=$(getent passwd "$SERVICE_USER" | cut -d: -f6)" "USER=$SERVICE_USER" "LOGNAME=$SERVICE_USER" SHELL=/bin/bash
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)
    for name in TERM LANG LC_ALL TZ NO_COLOR "${!ETL_@}" ${kept_names[@]+"${kept_names[@]}"}; do
        [[ -z ${!name:-} ]] || clean+=("$name=${!name}")
    done
}

close_descriptors() { # all but input, output and errors
    local descriptor
    for descriptor in /proc/"$BASHPID"/fd/*; do
        descriptor=${descriptor##*/}
        ((descriptor <= 2)) || eval "exec $descriptor>&-"
    done
}

become_service_user() { # COMMAND: replace this (sub)shell; in a session of its own, which has no terminal
    close_descriptors
    # not runuser, which would stay between the command and its signals
    exec setsid -w setpriv --reuid "$SERVICE_USER" --regid "$SERVICE_GROUP" --init-groups env -i "${clean[@]}" "$@"
}

as_service_user() { # COMMAND: run it in /; without input, its output and errors go through one pipe
    local -a clean
    list_clean_environment
    (cd / && become_service_user "$@") </dev/null 2>&1 | cat
}
