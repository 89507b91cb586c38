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
    feed_service_user "$@" </dev/null
}

feed_service_user() { # COMMAND: the same with the caller's input, which has to be a pipe
    local -a clean
    list_clean_environment
    (cd / && become_service_user "$@") 2>&1 | cat
}

find_changeable_folder() { # PATH: print one on the way to it, also behind links, in which the service user could replace something
    local path=$1 part target
    [[ $path == /* ]] || path=$PWD/$path
    while [[ $path == */* ]]; do
        if [[ -L $path ]]; then
            target=$(readlink -- "$path")
            [[ $target == /* ]] || target=${path%/*}/$target
            ! find_changeable_folder "$target" || return 0
        fi
        part=$path path=${path%/*}
        is_open_to_service_user "$path/" || continue
        # in a folder like /tmp, only its owner replaces a folder
        [[ -d $part && ! -L $part && -k $path/ && $(stat -c %U -- "$path/") != "$SERVICE_USER" ]] ||
            { printf '%s\n' "${path:-/}" && return; }
    done
    return 1
}

is_open_to_service_user() { # PATH: whether the service user owns it or may write it; what it says itself only adds to this
    local owner group mode
    read -r owner group mode < <(stat -c '%u %g %A' -- "$1") || return 0
    [[ $owner != "$(id -u "$SERVICE_USER")" && ${mode:8:1} != w ]] || return 0
    # with an access list, these are the most that it grants
    [[ ${mode:5:1} == w ]] || return 1
    [[ " $(id -G "$SERVICE_USER") " != *" $group "* ]] || return 0
    if ((EUID == 0)); then as_service_user test -w "$1"; else act_as_service_user test -w "$1"; fi
}

# --- files that only the caller may read --------------------------------------------------------------------------------

hand_over_files() { # SCRIPT ARGUMENTS: sets $handed, the same with copies of the files that only the caller may read, and $copies
    local argument before='' name path
    copies='' handed=("$1")
    for argument in "${@:2}"; do
        name='' path=$argument
        [[ $argument != --file=* ]] || name=--file= path=${argument#*=}
        if is_file_to_read "$before" "$argument" && [[ -f $path && -r $path ]] && ! act_as_service_user test -r "$(realpath -- "$path")"; then
            [[ -n $copies ]] || copies=$(act_as_service_user mktemp -d) || { handed=("$@") && return 0; }
            copy_for_service_user "$path" "$copies/${#handed[@]}"
            path=$copies/${#handed[@]}/${path##*/}
        fi
        handed+=("$name$path")
        before=$argument
    done
}

is_file_to_read() { # ARGUMENT_BEFORE ARGUMENT: of $script; another one may be a file to write, or only look like a file
    case $script in
        generic_import) [[ $1 == --file || $2 == --file=* ]] ;;
        # behind another option is the value of that option
        suggest_import) [[ $2 != -* && ($1 != -* || $1 =~ ^--(json|quiet|wait)?$) ]] ;;
        *) return 1 ;;
    esac
}

copy_for_service_user() { # FILE FOLDER: read with the rights of the caller, written with those of the service user
    local changeable descriptor
    [[ ! -L $1 ]] || refuse_copy "$1 is a link, and $SERVICE_USER may not read what it leads to; name the file itself: $(realpath -- "$1")"
    ! changeable=$(find_changeable_folder "$1") ||
        refuse_copy "only you may read $1, but $SERVICE_USER can put another file in its place, because it may write $changeable; move the file to a folder of yours"
    exec {descriptor}<"$1"
    [[ -f /proc/self/fd/$descriptor && -O /proc/self/fd/$descriptor && $(readlink "/proc/self/fd/$descriptor") == "$(realpath -- "$1")" ]] ||
        refuse_copy "$1 does not belong to you, and $SERVICE_USER may not read it; copy it to a folder of yours and name the copy"
    act_as_service_user mkdir -- "$2"
    act_as_service_user tee -- "$2/${1##*/}" <&"$descriptor" >/dev/null
    act_as_service_user touch -d "@$(stat -L -c %Y -- "/proc/self/fd/$descriptor")" -- "$2/${1##*/}"
    exec {descriptor}<&-
}

refuse_copy() { # TEXT
    remove_copies
    fail 2 "$1"
}

remove_copies() {
    act_as_service_user rm -rf -- "$copies" || true
}

act_as_service_user() { # COMMAND: from an operator whom sudo allows it without a password
    sudo -n -u "$SERVICE_USER" -- "$@" 2>/dev/null
}

continue_with_copies() { # COMMAND: and remove the copies after it; Ctrl-C reaches it directly
    local code=0
    trap : INT TERM HUP
    sudo -n -u "$SERVICE_USER" -- "$@" || code=$?
    remove_copies
    exit "$code"
}
