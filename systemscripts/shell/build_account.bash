# Build the Python environment of a host that root set up as the account etl_build, which owns nothing else: neither the
# packages nor what unpacks them run as root, and the service user cannot change them. For install_dependencies.sh.
# shellcheck shell=bash disable=SC2034,SC2154

readonly BUILD_USER=etl_build
: "${BUILD_ROOT:=/var/lib/client_etl_build}"

build_as_own_account() { # in $build/environment, from the files in $build/source, which are root's
    local build=$BUILD_ROOT/${project//[^A-Za-z0-9]/_}
    local -a choice
    list_choice
    make_build_folders
    run_as_build_user env "BUILD_FOLDER=$build/environment" "BUILD_KEPT=$(list_used)" \
        "$build/source/install_dependencies.sh" --python-only "${choice[@]}" || return
    link_environment "$build/environment/.venv"
    compile_as_root
}

list_choice() { # sets $choice: the options that choose the same parts again
    local part with='' without=''
    for part in "${PARTS[@]:1}"; do # base is always installed
        if [[ " ${parts[*]} " == *" $part "* ]]; then with+=,$part; else without+=,$part; fi
    done
    choice=()
    [[ -z $with ]] || choice+=(--with "${with#,}")
    [[ -z $without ]] || choice+=(--without "${without#,}")
}

run_as_build_user() { # COMMAND
    local SERVICE_USER=$BUILD_USER SERVICE_GROUP=$BUILD_USER
    local -a kept_names=(PYTHON http_proxy https_proxy no_proxy "${!PIP_@}" "${!UV_@}")
    as_service_user env -u ETL_DATA_DIR -u ETL_ENV_FILE "$@"
}

make_build_folders() {
    local file
    getent passwd "$BUILD_USER" >/dev/null ||
        useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$BUILD_USER"
    install -d -m 755 -- "$BUILD_ROOT" "$build" "$build/source" "$build"/source/{systemscripts/shell,requirements}
    for file in install_dependencies.sh systemscripts/shell/{service,build}_account.bash "${PARTS[@]/%/.txt}" uv.txt; do
        [[ $file == */* || $file == *.sh ]] || file=requirements/$file
        rm -f -- "$build/source/$file"
        [[ ! -f $project/$file ]] || install -m 755 -- "$project/$file" "$build/source/$file"
    done
    [[ ! -d $build/environment ]] || return 0
    rm -rf -- "$build/new" && mkdir -m 700 -- "$build/new"
    # for the packages that were installed in addition, unless the service user could have changed them
    if had_environment && ! grep -qs "^owner=$SERVICE_USER\$" -- "$project/.moved"; then
        mkdir -- "$build/new/.venvs"
        cp -a --reflink=auto -- "$(readlink -f -- "$venv")" "$build/new/.venvs/before"
        ln -s .venvs/before "$build/new/.venv"
    fi
    chown -hR "$BUILD_USER:$BUILD_USER" "$build/new" && chmod 755 "$build/new" && mv -T -- "$build/new" "$build/environment"
}

list_used() { # print the names of the environments that processes run in, which only root can find out
    local folder
    for folder in "$build"/environment/.venvs/*/; do
        folder=${folder%/}
        [[ ! -d $folder ]] || ! is_used "$folder" || printf '%s ' "${folder##*/}"
    done
}

link_environment() { # PATH: from now on .venv leads there; what root built before is removed when nothing runs in it
    if [[ $(readlink -- "$venv") != "$1" ]]; then
        ln -sfT -- "$1" "$venv.new"
        [[ -L $venv || ! -e $venv ]] || { mkdir -p -- "$venvs" && mv -T -- "$venv" "$venvs/before"; }
        chown -h "root:$SERVICE_GROUP" -- "$venv.new" && mv -T -- "$venv.new" "$venv"
    fi
    clear_old
    rmdir -- "$venvs" 2>/dev/null || true
}

compile_as_root() { # our own modules, with the Python of the system: no package of the environment runs as root
    # any Python that runs will do, also one that has no pip
    local uv=none
    find_python
    "$python" -I -S -m compileall -q "$project/systemscripts" "$project/jobscripts" 2>/dev/null || true
}
