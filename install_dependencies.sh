#!/usr/bin/env bash
# Install what the project needs: system packages and the Python environment .venv.
#
# Usage: install_dependencies.sh [--python-only] [--with PARTS] [--without PARTS] [--dev] [--dry-run] [--help]
#
#   --python-only    only .venv; needs no root
#   --with PARTS     also these parts of requirements/, separated by commas: demo (the servers that the demos start),
#                    mail (mailboxes as a source), alerts (chat, push and SMS), shares (SMB, WebDAV and FTPS)
#   --without PARTS  not these: web (the console), s3 (buckets), scan (the MeetMax scan)
#   --dev            everything, for the tests and checks
#   --dry-run        show what would be done, change nothing
#
# The parts that are installed are updated by the next installation too. Only wheels are installed, which run no code,
# and only those whose hashes are in requirements/.
#
# You can run it again at any time: what is complete is not changed, and a second installation waits for the first. A new
# environment is built in .venvs/ and replaces the old one (.venv is a link) when it is complete. Offline or after a
# failure the old one stays, and running jobs continue in it. Details of a failure are in var/install.log, those of an
# installation by root in /var/log/client_etl_workflow/install.log. On a host that configure_etl_user.sh set up, the account
# etl_build builds the environment, in /var/lib/client_etl_build.
#
# Environment:
#   PYTHON        the Python to use (default: the newest of 3.12, 3.13, 3.11, else python3)
#   ETL_NO_UV=1   install with pip even if uv is installed
#   ETL_DATA_DIR  folder of var/install.log (default: the project folder)
set -euo pipefail

readonly PARTS=(base web s3 scan mail alerts shares demo dev) DEFAULT_PARTS=' base web s3 scan '
# a package that is built runs code of its own
readonly ONLY_LOCKED=(--require-hashes --only-binary :all:)
SERVICE_USER=etl_user SERVICE_GROUP=etl_group
# for another installation to end
readonly MAX_WAIT_SECONDS=900

fail() { # CODE TEXT: the one exit for errors, one line
    printf 'install_dependencies.sh: %s\n' "$2" >&2
    exit "$1"
}

say() {
    printf '%s\n' "$*"
}

usage() {
    local line
    while IFS= read -r line && [[ $line == \#* ]]; do
        [[ $line == '#!'* ]] || { line=${line#\#} && printf '%s\n' "${line# }"; }
    done <"$project/install_dependencies.sh"
}

find_project() {
    local place=${BASH_SOURCE[0]}
    [[ ! -L $place ]] || place=$(readlink -f -- "$place")
    [[ $place == */* ]] || place=./$place
    project=$(CDPATH='' cd -P -- "${place%/*}" && pwd)
    # BUILD_FOLDER: of the account that builds for root (systemscripts/shell/build_account.bash)
    venv=${BUILD_FOLDER:-$project}/.venv venvs=${BUILD_FOLDER:-$project}/.venvs
    readonly project venv venvs
}

parse_arguments() {
    python_only='' dry_run='' with='' without=''
    while (($#)); do
        case $1 in
            --python-only) python_only=1 ;;
            --dev) with+=,web,s3,scan,mail,alerts,shares,demo,dev ;;
            --with=* | --without=*) set -- "${1%%=*}" "${1#*=}" "${@:2}" && continue ;;
            --with | --without)
                local part
                (($# > 1)) || fail 2 "$1 needs parts; see $(printf %q "$project/install_dependencies.sh") --help"
                for part in ${2//,/ }; do
                    [[ $part != base && " ${PARTS[*]} " == *" $part "* ]] || fail 2 "$part is not one of the parts: ${PARTS[*]:1}"
                done
                if [[ $1 == --with ]]; then with+=,$2; else without+=,$2; fi
                shift
                ;;
            --dry-run) dry_run=1 ;;
            -h | --help) usage && exit 0 ;;
            *) fail 2 "unknown argument $1; see $(printf %q "$project/install_dependencies.sh") --help" ;;
        esac
        shift
    done
}

# --- the log ----------------------------------------------------------------------------------------------------------

open_log() { # the output of package managers goes to a file; the screen gets one line about each
    local folder=${BUILD_FOLDER:-${ETL_DATA_DIR:-$project}}/var
    # root writes no file where another user could put a link
    ((EUID != 0)) || folder=/var/log/client_etl_workflow
    log=$folder/install.log
    if ! (umask 027 && mkdir -p -- "$folder" && printf '== %(%F %T%z)T\n' -1 >>"$log") 2>/dev/null; then
        log=$venv.log # the installation continues if the data folder cannot be written
        : >>"$log" || fail 78 "neither $folder nor $project can be written by $(id -un); run as the owner of $project"
    fi
}

run_logged() { # COMMAND
    printf '+ %s\n' "${*@Q}" >>"$log"
    "$@" >>"$log" 2>&1 </dev/null
}

# --- system packages ----------------------------------------------------------------------------------------------------

list_wanted_packages() { # with the newest supported Python of the archive, else its default
    local version
    for version in 3.12 3.13 3.11; do
        apt-cache show "python$version-venv" >/dev/null 2>&1 && break
        version=3
    done
    printf '%s\n' postgresql postgresql-client "python$version" "python$version-venv" \
        git openssh-client openssh-server cron acl ca-certificates gpg gpg-agent
    ! has_desktop || find_dbeaver_package
}

list_missing_packages() {
    local package
    for package in $(list_wanted_packages); do
        [[ $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) == 'install ok installed' ]] || printf '%s\n' "$package"
    done
}

install_system_packages() {
    type -P apt-get >/dev/null ||
        fail 78 "this host has no apt-get, so it is not Debian, Ubuntu or Mint: install PostgreSQL, Python >= 3.11 with venv, git, OpenSSH and cron by hand, then run: $(printf %q "$project/install_dependencies.sh") --python-only"
    local -a packages as_root=(env DEBIAN_FRONTEND=noninteractive)
    mapfile -t packages < <(list_missing_packages)
    if ((${#packages[@]} == 0)); then
        say "system packages: complete"
        return
    fi
    if [[ -n $dry_run ]]; then
        say "would install the system packages: ${packages[*]}"
        return
    fi
    if ((EUID != 0)); then
        type -P sudo >/dev/null || fail 78 "system packages are missing; as root run: apt-get install ${packages[*]}"
        as_root=(sudo "${as_root[@]}")
    fi
    say "system packages: installing ${packages[*]}"
    run_logged "${as_root[@]}" apt-get update -q || say "the package lists could not be updated (see $log); continuing"
    run_logged "${as_root[@]}" apt-get install -q -y --no-install-recommends "${packages[@]}" ||
        fail 75 "the system packages could not be installed; see $log, then run this script again"
}

has_desktop() {
    [[ -n ${DISPLAY:-}${WAYLAND_DISPLAY:-} ]] || compgen -G '/usr/share/xsessions/*.desktop' >/dev/null ||
        compgen -G '/usr/share/wayland-sessions/*.desktop' >/dev/null
}

find_dbeaver_package() { # print the name of the package if the archive has one
    local name
    for name in dbeaver-ce dbeaver; do
        ! apt-cache show "$name" >/dev/null 2>&1 || { printf '%s\n' "$name" && return; }
    done
}

point_to_dbeaver() { # Debian and Ubuntu do not have it; from its own archive it is installed with the rest
    has_desktop || return 0
    type -P dbeaver dbeaver-ce >/dev/null || [[ -n $(find_dbeaver_package) ]] ||
        say "DBeaver, to look at the data: its Debian package is on the download page of dbeaver.io"
}

# --- which Python -------------------------------------------------------------------------------------------------------

readonly PROBE='
import importlib.util, os, sys
if sys.version_info < (3, 11):
    sys.exit(1)
print(os.path.realpath(sys.executable), "%d.%d" % sys.version_info[:2], importlib.util.find_spec("ensurepip") is not None)
'

find_python() { # sets $python and $version; a name on PATH counts only if it runs (version managers leave stubs)
    local -a names=(python3.12 python3.13 python3.11 python3)
    [[ -z ${PYTHON:-} ]] || names=("$PYTHON")
    local name candidate found has_pip bare=''
    for name in "${names[@]}"; do
        while IFS= read -r candidate; do
            found=$("$candidate" -I -c "$PROBE" 2>/dev/null </dev/null) || continue
            has_pip=${found##* }
            found=${found% *}
            python=${found% *} version=${found##* }
            [[ $has_pip != True && -z $uv ]] || return 0
            bare=${bare:-$version}
        done < <(type -aP -- "$name")
    done
    [[ -z $bare ]] || fail 78 "Python $bare cannot create an environment; run: sudo apt install python$bare-venv"
    [[ -z ${PYTHON:-} ]] || fail 78 "PYTHON=$PYTHON is not a working Python 3.11 or newer; name another one or unset PYTHON"
    fail 78 "no Python 3.11 or newer found; run: sudo apt install python3 python3-venv"
}

find_uv() { # sets $uv, empty if there is none
    uv=''
    [[ ${ETL_NO_UV:-} != 1 ]] || return 0
    local candidate
    local -a names=(uv "$venv/bin/uv")
    # no package of the environment runs as root
    ((EUID != 0)) || ! is_service_installation || names=(uv)
    while IFS= read -r candidate; do
        ! "$candidate" --version >/dev/null 2>&1 || { uv=$candidate && return 0; }
    done < <(type -aP "${names[@]}")
}

# --- the environment ----------------------------------------------------------------------------------------------------

# An environment has a copy of the lock of each part that is installed in it. The one of base is written last: without
# it, an environment was left by an installation that was killed, and is removed.

choose_parts() { # sets $parts: what is installed, or the default, with and without what the options say
    local part chosen=''
    parts=()
    for part in "${PARTS[@]}"; do
        if [[ -f $venv/.requirements-base.txt || $part == dev ]]; then
            [[ ! -f $venv/.requirements-$part.txt ]] || chosen+=" $part "
        elif [[ $DEFAULT_PARTS == *" $part "* ]]; then
            chosen+=" $part "
        fi
    done
    # an environment for the tests of an older version
    [[ $chosen != *" dev "* ]] || chosen+=' demo '
    for part in "${PARTS[@]}"; do
        [[ "$chosen ${with//,/ } " == *" $part "* && " ${without//,/ } " != *" $part "* ]] || continue
        [[ ! -f $project/requirements/$part.txt ]] || parts+=("$part")
    done
}

is_complete() {
    local part
    [[ -x $venv/bin/python ]] || return 1
    for part in "${PARTS[@]}"; do
        if [[ " ${parts[*]} " == *" $part "* ]]; then
            cmp -s "$project/requirements/$part.txt" "$venv/.requirements-$part.txt" || return 1
        else
            [[ ! -e $venv/.requirements-$part.txt ]] || return 1
        fi
    done
    run_environment -c "$FIND_LOST_FILES" || return 1
    [[ -z ${PYTHON:-} ]] || has_version_of "$PYTHON"
}

run_environment() { # ARGUMENTS: run its Python, which may have been changed by whom root does not trust
    if ((EUID != 0)) || ! is_service_installation || ! getent passwd "$SERVICE_USER" >/dev/null; then
        "$venv/bin/python" -I "$@" 2>/dev/null
    elif as_service_user test -x "$venv/bin/python" >/dev/null; then
        as_service_user "$venv/bin/python" -I "$@"
    fi
}

# every file of a package must exist, except byte code
readonly FIND_LOST_FILES='
import sys
from importlib.metadata import distributions
for package in distributions():
    if any(not file.locate().exists() for file in package.files or () if not file.name.endswith(".pyc")):
        sys.exit(1)
'

has_version_of() { # PYTHON: if one is given, the environment must have its version
    local -r code='import sys; print(sys.version_info[:2])'
    [[ $(run_environment -c "$code") == "$("$1" -I -c "$code" 2>/dev/null)" ]]
}

had_environment() {
    [[ -f $venv/.requirements-base.txt || -f $venv/.requirements.txt ]] # the name in version 0.1
}

keep_python() { # a new environment has the Python of the old one
    had_environment && "$venv/bin/python" -I -c '' 2>/dev/null || return 0
    [[ -n ${PYTHON:-} ]] || PYTHON=$("$venv/bin/python" -I -c 'import os, sys; print(os.path.realpath(sys.executable))')
}

wait_for_others() {
    exec {lock}<"$project"
    flock -n "$lock" && return
    say "another installation is running; waiting for it"
    flock -w "$MAX_WAIT_SECONDS" "$lock" || fail 75 "another installation in $project does not end; find it with ps, then run this script again"
}

set_environment() {
    umask 022 # users who may read the project may also run it
    unset PYTHONHOME PYTHONPATH VIRTUAL_ENV CONDA_PREFIX
    export PATH=${PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}
    export PIP_USER=0 PIP_NO_INPUT=1 PIP_DISABLE_PIP_VERSION_CHECK=1
    # uv: use the certificates of the system, as pip does, and download no Python
    export UV_PYTHON_DOWNLOADS=never UV_SYSTEM_CERTS=${UV_SYSTEM_CERTS:-1} UV_NO_PROGRESS=1
}

set_cache() { # a service user may have no home folder, or that of another user
    [[ -z ${HOME:-} || ! -O $HOME || ! -w $HOME ]] || return 0
    export UV_CACHE_DIR=$fresh/.cache PIP_CACHE_DIR=$fresh/.cache/pip
}

make_venv() { # in the folder $fresh
    local tool=pip
    [[ -z $uv ]] || tool=uv
    if had_environment; then
        say "Python environment: updating $venv with Python $version ($tool)"
    else
        say "Python environment: creating $venv with Python $version ($tool)"
    fi
    mkdir -p -- "$fresh"
    if [[ -n $uv ]]; then
        run_logged "$uv" venv --no-project --allow-existing --python "$python" "$fresh" && return
        rm -rf -- "$fresh"
        uv=''
    fi
    run_logged "$python" -m venv "$fresh" ||
        fail 78 "Python $version cannot create $venv; see $log, or run: sudo apt install python$version-venv"
}

install_uv() { # into the environment, if this machine has none: it saves most of the time
    [[ -z $uv && ${ETL_NO_UV:-} != 1 ]] || return 0
    [[ -f $project/requirements/uv.txt ]] || return 0
    run_logged "$fresh/bin/python" -m pip install -q "${ONLY_LOCKED[@]}" -r "$project/requirements/uv.txt" || return 0
    uv=$fresh/bin/uv
}

install_with_uv() { # ARGUMENTS
    [[ -n $uv ]] && run_logged "$uv" pip install --python "$fresh/bin/python" --compile-bytecode "${ONLY_LOCKED[@]}" "$@"
}

install_with_pip() { # ARGUMENTS
    "$fresh/bin/python" -m pip --version >/dev/null 2>&1 || run_logged "$fresh/bin/python" -m ensurepip || return
    run_logged "$fresh/bin/python" -m pip install -q --compile "${ONLY_LOCKED[@]}" "$@"
}

# works without a network and for packages of any origin: links or copies their files
readonly BRING_EXTRAS='
import os, re, shutil, sys
from importlib.metadata import distributions
from pathlib import Path
old, new = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
folders = [[str(each) for each in root.glob("lib/python*/site-packages")] for root in (old, new)]
name = lambda package: package.metadata["Name"].lower().replace("_", "-")
known = {name(each) for each in distributions(path=folders[1])}
before = {name(each): each for each in distributions(path=folders[0])}
spelled = lambda text: re.match("[A-Za-z0-9._-]*", text)[0].lower().replace("_", "-")
listed = {spelled(line) for file in old.glob(".requirements*.txt") for line in file.read_text().splitlines()}
needs = {each: {spelled(need) for need in package.requires or ()} for each, package in before.items()}
# what was installed by hand, and what that needs; a package that the requirements no longer name was dropped on purpose
extras = set(before) - listed - set().union(*needs.values())
while more := {need for each in extras for need in needs[each]} & set(before) - extras:
    extras |= more
for package in [before[each] for each in sorted(extras - known)]:
    if [Path(each).parent.name for each in folders[0]] != [Path(each).parent.name for each in folders[1]]:
        print(f"not copied to another Python version: {name(package)} {package.version}; if you need it, install it again")
        continue
    for file in package.files or ():
        source = Path(os.path.normpath(file.locate()))
        if old not in source.parents or not source.is_file():
            continue
        target = new / source.relative_to(old)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            continue
        if source.parent == old / "bin" and source.read_bytes()[:2] == b"#!":
            target.write_bytes(source.read_bytes().replace(os.fsencode(old), os.fsencode(new), 1))
            shutil.copymode(source, target)
            continue
        try:
            os.link(source, target)
        except OSError:
            shutil.copy2(source, target)
'

print_command() { # for a message: this script with its options
    printf '%q --python-only%s%s' "$project/install_dependencies.sh" "${with:+ --with ${with#,}}" "${without:+ --without ${without#,}}"
}

install_requirements() {
    local -a locks=()
    local part
    for part in "${parts[@]}"; do
        cp -- "$project/requirements/$part.txt" "$fresh/.requirements-$part.txt.new"
        locks+=(-r "$project/requirements/$part.txt")
    done
    # pip reads its own settings (a mirror, a wheel folder), uv does not: pip may find what uv cannot
    install_uv
    install_with_uv "${locks[@]}" || install_with_pip "${locks[@]}" ||
        fail 75 "the packages of requirements/ (${parts[*]}) could not be installed into $venv (no network?); see $log, then run: $(print_command)"
    # packages that were installed in addition to the requirements (Spark) are copied
    ! had_environment || "$fresh/bin/python" -I -c "$BRING_EXTRAS" "$venv" "$fresh" || true
    rm -rf -- "$fresh/.cache"
    local -i number
    for ((number = ${#parts[@]} - 1; number >= 0; number--)); do
        part=${parts[number]}
        mv -f -- "$fresh/.requirements-$part.txt.new" "$fresh/.requirements-$part.txt"
    done
    compile_code "$fresh"
}

compile_own_code() {
    if is_service_installation; then compile_as_root; else compile_code "$venv"; fi
}

compile_code() { # ENVIRONMENT: of our own modules, because a user without write access would compile them at each start
    "$1/bin/python" -I -m compileall -q "$project/systemscripts" "$project/jobscripts" 2>/dev/null || true
}

# --- the old one and the new one ----------------------------------------------------------------------------------------

swap() { # .venv becomes a link to the new environment; an old one that is a folder is moved to .venvs/
    local -r link=$venvs/link
    rm -f -- "$link"
    ln -s -- ".venvs/${fresh##*/}" "$link"
    [[ -L $venv || ! -e $venv ]] || mv -T -- "$venv" "$venvs/before"
    mv -T -- "$link" "$venv"
}

clear_old() { # [KEPT]: remove unused environments, except the current one and KEPT
    local folder current
    current=$(readlink -f -- "$venv" || true)
    for folder in "$venvs"/*/; do
        folder=${folder%/}
        [[ -d $folder && $folder != "$current" && $folder != "${1:-}" ]] || continue
        [[ " ${BUILD_KEPT:-} " == *" ${folder##*/} "* ]] || is_used "$folder" || rm -rf -- "$folder"
    done
}

finish_swap() { # a swap that was killed between its two moves left no environment: restore the old one
    [[ ! -e $venv && ! -L $venv && -d $venvs/before ]] || return 0
    mv -T -- "$venvs/before" "$venv"
}

is_used() { # FOLDER: whether a process runs in it, started by its path or by the link
    # by stdin: as an argument, grep would find itself
    grep -qsF -f /dev/stdin -- /proc/[0-9]*/cmdline <<<"$1/" || grep -qsF -f /dev/stdin -- /proc/[0-9]*/maps <<<"$1/"
}

drop_unfinished() { # on exit: remove an incomplete environment
    [[ -f $fresh/.requirements-base.txt ]] || rm -rf -- "$fresh"
}

install_python_environment() {
    set_environment
    choose_parts
    if is_complete; then
        ((EUID != 0)) || [[ -n $dry_run ]] || compile_own_code
        say "Python environment: complete"
        return
    fi
    find_uv
    if [[ -n $dry_run ]]; then
        find_python
        say "would create or update $venv with Python $version and install from requirements/: ${parts[*]}"
        return
    fi
    [[ -w ${venv%/*} ]] || fail 78 "$project cannot be written by $(id -un); as its owner run: $(print_command)"
    wait_for_others
    ! is_complete || return 0 # the installation that we waited for did it
    open_log
    if ((EUID == 0)) && is_service_installation; then
        build_as_own_account
        return
    fi
    finish_swap
    clear_old
    choose_parts
    keep_python
    printf -v fresh '%s/%(%Y%m%d-%H%M%S)T' "$venvs" -1
    [[ ! -e $fresh ]] || fresh+=-$$
    trap drop_unfinished EXIT
    set_cache
    find_python
    make_venv
    install_requirements
    local before
    before=$(readlink -f -- "$venv" || true)
    # a folder is moved; an upgrade that is taken back needs it
    [[ -L $venv ]] || before=$venvs/before
    swap
    clear_old "$before"
    say "Python environment: complete"
}

run_as_owner() { # root must leave no files in the project of another user
    local owner
    owner=$(stat -c %U -- "$project")
    if ((EUID != 0)) || [[ -O $project || $owner == UNKNOWN ]]; then
        install_python_environment
        return
    fi
    SERVICE_USER=$owner SERVICE_GROUP=$(id -gn -- "$owner")
    local -a kept_names=(PYTHON http_proxy https_proxy no_proxy "${!PIP_@}" "${!UV_@}")
    if ! as_service_user test -x "$project/install_dependencies.sh"; then
        say "waits: the Python environment: $owner cannot pass through the folders above $project; run: sudo $(printf %q "$project/configure_etl_user.sh") --grant-home-access, then this script again"
    else
        as_service_user "$project/install_dependencies.sh" --python-only ${with:+--with "${with#,}"} ${without:+--without "${without#,}"} ${dry_run:+--dry-run}
    fi
}

continue_as_root() { # ARGUMENTS: on a host that configure_etl_user.sh has set up, everything here belongs to root
    ((EUID != 0)) && [[ -z $dry_run && $(stat -c %U:%G -- "$project") == "root:$SERVICE_GROUP" ]] || return 0
    if type -P sudo >/dev/null && { [[ -t 0 && -t 2 ]] || sudo -n true 2>/dev/null; }; then
        say "$project belongs to root: continuing with sudo"
        exec sudo -- "$project/install_dependencies.sh" "$@"
    fi
    local shown
    printf -v shown ' %q' "$project/install_dependencies.sh" "$@"
    fail 78 "$project belongs to root; run: sudo$shown"
}

main() {
    find_project
    # shellcheck source=systemscripts/shell/service_account.bash
    source "$project/systemscripts/shell/service_account.bash"
    # shellcheck source=systemscripts/shell/build_account.bash
    source "$project/systemscripts/shell/build_account.bash"
    parse_arguments "$@"
    if [[ -z $python_only ]]; then
        continue_as_root "$@"
        [[ -n $dry_run ]] || open_log
        install_system_packages
        point_to_dbeaver
        getent passwd etl_user >/dev/null ||
            say "waits: the user etl_user, the database and cron: run sudo $(printf %q "$project/configure_etl_user.sh")"
    fi
    run_as_owner
}

main "$@"
