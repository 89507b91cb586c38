# Get the code of another version, put it in place and back. For upgrade.sh, which sets $project, $source and $folder.
# shellcheck shell=bash disable=SC2034,SC2154

# the folders whose files all come with the project; in an unpacked archive without a list, their old files go
readonly CODE_FOLDERS=(systemscripts sql demo webconsole docs tests bench requirements .ci)
# never touched: settings, and the placeholders in the folders of the data, which lie elsewhere on a host of root's
readonly DATA_PLACES='^((archive|file_watcher|logs|var)(/|$)|config/[^/]*\.env$)'
# what a job needs to say that an upgrade was interrupted; put in place first, each file at once, the wrapper last
readonly FIRST='^(upgrade\.sh|etl|systemscripts/(shell|last_resort)/[^/]*)$' WRAPPER=run_python_etl_script.sh

# --- the new version, in .upgrade/next, and in .upgrade/new from the first change on -----------------------------------

hand_over() { # the new version drives its own upgrade; a later call continues with the same
    local -a options=(--in "$project")
    local driver=new
    [[ -z $wait ]] || options+=(--wait)
    [[ -z $dry_run ]] || options+=(--dry-run)
    if [[ $action == back ]]; then
        options+=(--back)
        [[ -x $folder/new/upgrade.sh ]] || fail 78 "there is nothing to go back to: $project was not upgraded by this command"
    elif ! is_begun; then
        driver=next
        end_change
        rm -rf -- "$folder"/next{,.commit,.archive}
        mkdir -- "$folder/next"
        if [[ -n $archive ]]; then stage_archive; else stage_commit; fi
        [[ -f $folder/next/upgrade.sh && -f $folder/next/pyproject.toml ]] ||
            fail 65 "what was found is not a version that has etl upgrade; see $folder/next"
    fi
    exec {lock}<&-
    exec "$folder/$driver/upgrade.sh" "${options[@]}"
}

is_begun() { # whether an upgrade, or a way back, has changed something and is not complete
    [[ -e $folder/unfinished && $(read_state step) =~ ^(code|packages|schema|back)$ ]]
}

accept_next() { # it becomes the version to continue with, and to go back from
    rm -rf -- "$folder"/new{,.commit}
    mv -T -- "$folder/next" "$folder/new"
    [[ ! -f $folder/next.commit ]] || mv -T -- "$folder/next.commit" "$folder/new.commit"
    mv -T -- "$folder/next.list" "$folder/new.list"
    mv -T -- "$folder/next.before.list" "$folder/before.list"
    rm -rf -- "$folder/backups"
    mv -T -- "$folder/next.backups" "$folder/backups"
}

stage_commit() { # what git pull would bring
    [[ -e $project/.git ]] ||
        fail 2 "$project is not a clone; name a release archive: $(printf %q "$source/etl") upgrade client_etl_workflow-VERSION.tar.gz"
    local commit own
    git -C "$project" rev-parse --verify -q '@{upstream}' >/dev/null ||
        fail 78 "the clone follows no branch, so there is nothing to pull; run: git -C $(printf %q "$project") switch main"
    git -C "$project" fetch -q {lock}>&- || fail 75 "git fetch failed in $project; try again later, or name a release archive"
    commit=$(git -C "$project" rev-parse '@{upstream}')
    own=$(git -C "$project" log --oneline -3 --format='%h %s' '@{upstream}..HEAD')
    [[ -z $own ]] || fail 78 "$project has commits of its own (${own//$'\n'/, }); merge them first: git -C $(printf %q "$project") rebase"
    if [[ $commit == "$(print_commit HEAD)" ]]; then
        say "the code is the newest, version $(find_version "$project"); jobs bring packages and schema up to date"
        exit 0
    fi
    git -C "$project" archive "$commit" | tar -x -C "$folder/next"
    printf '%s\n' "$commit" >"$folder/next.commit"
}

stage_archive() {
    [[ ! -e $project/.git ]] || fail 2 "$project is a clone, which follows its branch; run the same without an archive"
    refuse_changeable "$named_archive"
    refuse_changeable "$archive"
    # what is unpacked is what was checked
    local -r copy=$folder/next.archive
    cp -- "$archive" "$copy"
    check_hash "$copy"
    tar -x --no-same-owner -f "$copy" -C "$folder/next" || fail 65 "$archive cannot be unpacked"
    rm -- "$copy"
    local -a parts=("$folder"/next/*)
    # the files may be in one folder, NAME-VERSION
    [[ ${#parts[@]} != 1 || ! -d ${parts[0]} ]] || {
        mv -T -- "${parts[0]}" "$folder/next.inner" && rmdir -- "$folder/next" && mv -T -- "$folder/next.inner" "$folder/next"
    }
}

refuse_changeable() { # FILE: as root, one that the service user may have written, or put there
    ((EUID == 0)) && id -u "$SERVICE_USER" >/dev/null 2>&1 || return 0
    local place
    place=$(find_changeable_folder "$1") || place=$(readlink -f -- "$1")
    ! is_open_to_service_user "$place" ||
        fail 78 "$1 may come from $SERVICE_USER, which may write $place, so root does not use it; get it again, into a folder of root's: sudo mktemp -d makes one"
}

check_hash() { # COPY: of the archive, by the file beside the archive
    local file line wanted=''
    for file in "$archive.sha256" "${archive%/*}/SHA256SUMS"; do
        [[ ! -f $file ]] || refuse_changeable "$file"
        [[ ! -f $file ]] || while IFS= read -r line || [[ -n $line ]]; do
            [[ ${line##*[ */]} != "${archive##*/}" ]] || wanted=${line%% *}
        done <"$file"
    done
    [[ -n $wanted ]] || fail 65 "the hash of $archive is neither in $archive.sha256 nor in ${archive%/*}/SHA256SUMS; get that file from where the archive is from"
    [[ "$(sha256sum <"$1")" == "$wanted "* ]] ||
        { rm -- "$1" && fail 65 "$archive is not what its hash says: download both again; nothing was changed"; }
}

find_version() { # FOLDER: print its version, and the commit of a clone
    local version commit
    version=$(sed -n 's/^version *= *"\(.*\)"/\1/p' "$1/pyproject.toml")
    if [[ $1 == "$project" ]]; then commit=$(print_commit HEAD); else commit=$(read_staged_commit); fi
    printf '%s%s' "$version" "${commit:+ (${commit:0:7})}"
}

read_staged_commit() { # of the version that drives
    [[ ! -f $source.commit ]] || cat -- "$source.commit"
}

print_commit() { # NAME: empty if the project is not a clone
    [[ ! -e $project/.git ]] || git -C "$project" rev-parse "$1"
}

move_branch() { # COMMIT: the branch is there, as after git pull; the files already are
    [[ -z $1 ]] || git -C "$project" reset -q --mixed "$1" {lock}>&-
}

# --- which files are the code -----------------------------------------------------------------------------------------

list_files() { # FOLDER
    (cd -- "$1" && find . -type d -name __pycache__ -prune -o \( -type f -o -type l \) -printf '%P\n') | grep -Ev "$DATA_PLACES" | LC_ALL=C sort
}

list_code() { # into .upgrade/next.list and next.before.list
    list_files "$folder/next" >"$folder/next.list"
    if [[ -e $project/.git ]]; then
        git -C "$project" -c core.quotePath=false ls-files
    elif [[ -f $folder/installed.sha256 ]]; then
        sed 's/^[0-9a-f]*  //' "$folder/installed.sha256"
    else # unpacked from an archive by hand
        list_files "$project" | grep -E "^($(IFS='|' && printf '%s' "${CODE_FOLDERS[*]/./\\.}"))/" || true
        (cd -- "$project" && while IFS= read -r file; do [[ ! -f $file ]] || printf '%s\n' "$file"; done <"$folder/next.list")
    fi | grep -Ev "$DATA_PLACES" | LC_ALL=C sort -u >"$folder/next.before.list"
}

check_own_changes() { # nothing of the operator's is overwritten
    local changed='' taken
    if [[ -e $project/.git ]]; then
        changed=$(git -C "$project" -c core.quotePath=false diff --name-only HEAD -- . | grep -Ev "$DATA_PLACES" || true)
    elif [[ -f $folder/installed.sha256 ]]; then
        changed=$(cd -- "$project" && LC_ALL=C sha256sum -c --quiet "$folder/installed.sha256" 2>/dev/null | sed 's/: FAILED.*//' || true)
    fi
    [[ -z $changed ]] || fail 78 "changed files in $project that come with it: $(join_lines "$changed"); copy what you need into the folder of ETL_LOCAL_DIR (docs/install.md), then undo the changes$(print_undo "$changed")"
    taken=$(LC_ALL=C comm -13 "$folder/next.before.list" "$folder/next.list" | while IFS= read -r file; do
        [[ ! -e $project/$file ]] || cmp -s -- "$project/$file" "$folder/next/$file" || printf '%s\n' "$file"
    done)
    [[ -z $taken ]] || fail 78 "files of yours in $project have the names of new ones: $(join_lines "$taken"); move them into the folder of ETL_LOCAL_DIR (docs/install.md) or rename them"
}

print_undo() { # FILES
    local -a files
    mapfile -t files <<<"$1"
    [[ ! -e $project/.git ]] || printf ': git -C %q checkout HEAD --' "$project"
    [[ ! -e $project/.git ]] || printf ' %q' "${files[@]:0:20}"
}

join_lines() { # TEXT
    local -a lines
    mapfile -t lines <<<"$1"
    printf '%s' "${lines[0]}"
    ((${#lines[@]} == 1)) || printf ', %s' "${lines[@]:1:19}"
    ((${#lines[@]} <= 20)) || printf ' and %d more' "$((${#lines[@]} - 20))"
}

# --- put it in place --------------------------------------------------------------------------------------------------

keep_code() { # the present code, into .upgrade/before
    rm -rf -- "$folder"/before{,.part,.sha256}
    [[ ! -f $folder/installed.sha256 ]] || cp -- "$folder/installed.sha256" "$folder/before.sha256"
    mkdir -- "$folder/before.part"
    tar -C "$project" --no-recursion -cf - -T "$folder/before.list" | tar -C "$folder/before.part" -xf -
    mv -T -- "$folder/before.part" "$folder/before"
}

put_code() { # FROM ITS_LIST LIST_OF_WHAT_IS_THERE: all but the wrapper when going back, which comes last
    local file
    while IFS= read -r file; do
        [[ ! $file =~ $FIRST ]] || put_file "$1" "$file" || return
    done <"$2"
    [[ $1 == "$folder/before" ]] || put_wrapper "$1" || return
    sed "/^$WRAPPER\$/d" "$2" | tar -C "$1" --no-recursion -cf - -T - | tar -C "$project" --unlink-first -xf - || return
    LC_ALL=C comm -13 "$2" "$3" | sed "/^$WRAPPER\$/d" | (cd -- "$project" && xargs -d '\n' -r rm -f --) || return
    remove_empty_folders "$3"
    if [[ $1 == "$folder/before" ]]; then
        rm -f -- "$folder/installed.sha256"
        [[ ! -f $folder/before.sha256 ]] || cp -- "$folder/before.sha256" "$folder/installed.sha256"
    else
        (cd -- "$1" && xargs -d '\n' sha256sum <"$2") >"$folder/installed.sha256" || return
    fi
    sync -f -- "$project"
}

put_file() { # FROM FILE: at once
    mkdir -p -- "$(dirname -- "$project/$2")" && cp -p -- "$1/$2" "$project/$2.upgrade" && mv -T -- "$project/$2.upgrade" "$project/$2"
}

put_wrapper() { # FROM
    put_file "$1" "$WRAPPER"
}

remove_empty_folders() { # LIST: those whose files are gone; byte code alone does not keep them
    (cd -- "$project" && sed -n 's#/[^/]*$##p' "$1" | LC_ALL=C sort -ur | while IFS= read -r name; do
        [[ ! -d $name || -L $name ]] || [[ -n $(find "$name" -mindepth 1 ! -path '*/__pycache__*' -print -quit) ]] || rm -rf -- "$name"
    done)
}

# --- the Python environment -------------------------------------------------------------------------------------------

find_environment() { # sets $environment, where the packages are, and $environment_link, the link that leads there
    environment_link=$project/.venv
    environment=$(readlink -f -- "$environment_link" || true)
    local next
    next=$(readlink -- "$environment_link" || true)
    # built by the account etl_build, whose own link changes
    [[ $next != /* || ! -L $next ]] || environment_link=$next
    # version 0.1 had a folder; a new installation moves it
    [[ -L $environment_link ]] || environment=$project/.venvs/before environment_link=
}

put_environment() { # ENVIRONMENT LINK: if it no longer exists it is built again
    if [[ -x $1/bin/python ]]; then
        if [[ -z $2 ]]; then
            rm -f -- "$project/.venv" && mv -T -- "$1" "$project/.venv"
        elif [[ $(readlink -f -- "$2") != "$1" ]]; then
            put_link "$1" "$2"
        fi
    elif [[ -z $2 && ! -L $project/.venv && -x $project/.venv/bin/python ]]; then
        return # already put back, or never replaced
    else
        install_packages || fail 1 "the packages of before could not be installed: $(tail -n 1 "$folder/log"); then run: $(print_command --back)"
    fi
}

put_link() { # TARGET LINK: as the owner of the folder
    local owner
    owner=$(stat -c %U -- "${2%/*}")
    # shellcheck disable=SC2016  # for another shell
    local -a command=(bash -c 'ln -sfnT -- "$1" "$2.new" && mv -T -- "$2.new" "$2"' bash "$1" "$2")
    if [[ $owner == "$(id -un)" ]]; then "${command[@]}"; else SERVICE_USER=$owner SERVICE_GROUP=$owner as_user_of_folder "${command[@]}"; fi
}

as_user_of_folder() { # COMMAND: for the account etl_build
    as_service_user "$@"
}
