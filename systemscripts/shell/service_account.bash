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
    for name in TERM LANG LC_ALL TZ NO_COLOR SUDO_USER "${!ETL_@}" ${kept_names[@]+"${kept_names[@]}"}; do
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

hand_over_files() { # ARGUMENTS: sets $handed, the same with copies of the files that only the caller may read, and $copies
    local argument name path
    copies='' handed=("$@")
    # of the scripts that read what they are given; in others a file may be one to write
    [[ $script == generic_import || $script == suggest_import ]] || return 0
    handed=()
    for argument in "$@"; do
        name='' path=$argument
        [[ $argument != --*=* ]] || name=${argument%%=*}= path=${argument#*=}
        if ((${#handed[@]})) && [[ -f $path && -r $path ]] && ! act_as_service_user test -r "$(realpath -- "$path")"; then
            [[ -n $copies ]] || copies=$(act_as_service_user mktemp -d) || { handed=("$@") && return 0; }
            # read with the rights of the caller, written with those of the service user
            act_as_service_user tee -- "$copies/${path##*/}" <"$path" >/dev/null
            act_as_service_user touch -d "@$(stat -c %Y -- "$path")" -- "$copies/${path##*/}"
            path=$copies/${path##*/}
        fi
        handed+=("$name$path")
    done
}

act_as_service_user() { # COMMAND: from an operator whom sudo allows it without a password
    sudo -n -u "$SERVICE_USER" -- "$@" 2>/dev/null
}

continue_with_copies() { # COMMAND: and remove the copies after it; Ctrl-C reaches it directly
    local code=0
    trap : INT TERM HUP
    sudo -n -u "$SERVICE_USER" -- "$@" || code=$?
    act_as_service_user rm -rf -- "$copies" || true
    exit "$code"
}
