#!/usr/bin/env bats
# What the wrapper gives to the service user of what only the caller may read: root is the caller, daemon the service user.

bats_require_minimum_version 1.5.0
load helper

setup() {
    if ((EUID != 0)) || ! sudo -n -u daemon true; then skip 'needs root and sudo'; fi
    # /tmp may be written by everyone
    mine=$(mktemp -d -p "$HOME")
    mkdir -m 777 "$mine/theirs" "$mine/other"
    chmod 755 "$mine/other"
    chown daemon "$mine/theirs"
    printf 'secret\n' >"$mine/key"
    printf 'a;b\n' >"$mine/x.csv"
    printf 'c;d\n' >"$mine/other/x.csv"
    chmod 600 "$mine"/{key,x.csv,other/x.csv}
    SERVICE_USER=daemon SERVICE_GROUP=$(id -gn daemon) script=generic_import
    # shellcheck source=systemscripts/shell/service_account.bash
    source "$SOURCE/systemscripts/shell/service_account.bash"
}

teardown() {
    [[ -z ${mine:-} ]] || rm -rf "$mine"
    [[ -z ${copies:-} ]] || rm -rf "$copies"
}

fail() {
    printf '%s\n' "$2" >&2
    exit "$1"
}

hand_over() { # ARGUMENTS
    hand_over_files "$script" "$@"
}

@test "no link and no folder of the service user's leads it to a file that only the caller may read" {
    ln -s "$mine/key" "$mine/theirs/x.csv"
    ln -s "$mine" "$mine/theirs/folder"
    ln -s "$mine/theirs/folder" "$mine/link"
    ln "$mine/key" "$mine/theirs/hard.csv"
    cp "$mine/key" "$mine/theirs/moved.csv"
    for path in theirs/x.csv theirs/folder/key link/key theirs/../key theirs/hard.csv theirs/moved.csv; do
        run hand_over orders --file "$mine/$path"
        [ "$status" -eq 2 ]
        [[ $output == *"$mine/$path"*daemon* ]]
        run hand_over orders "--file=$mine/$path"
        [ "$status" -eq 2 ]
    done
    [[ $output == *"daemon can put another file in its place, because it may write $mine/theirs;"* ]]
    mv "$mine/theirs/moved.csv" "$mine/other/moved.csv"
    chmod 1777 "$mine/other"
    mkdir "$mine/other/theirs"
    chown daemon "$mine/other/theirs"
    cp "$mine/x.csv" "$mine/other/theirs"
    ln -s "$mine" "$mine/other/link"
    for path in other/moved.csv other/theirs/x.csv other/link/x.csv; do
        run hand_over orders --file "$mine/$path"
        [ "$status" -eq 2 ]
    done
    chown 65533 "$mine/x.csv"
    run hand_over orders --file "$mine/x.csv"
    [ "$status" -eq 2 ]
    [[ $output == *'does not belong to you'* ]]
}

@test "only the file that is to be read is handed over, and files of one name stay apart" {
    cd "$mine"
    hand_over x.csv --datasource key --file x.csv
    [ "${handed[*]:0:5}" = 'generic_import x.csv --datasource key --file' ]
    [ "$(<"${handed[5]}")" = 'a;b' ]
    [ "$(stat -c '%U %Y' "${handed[5]}")" = "daemon $(stat -c %Y x.csv)" ]
    remove_copies
    script=suggest_import
    hand_over --json x.csv other/x.csv --output key --name key
    [ "${handed[*]:4}" = '--output key --name key' ]
    [ "$(<"${handed[2]}")$(<"${handed[3]}")" = 'a;bc;d' ]
    [ "${handed[3]##*/}" = x.csv ]
    remove_copies
    # a folder of the caller's in /tmp, which everyone may write
    cp x.csv "$BATS_TEST_TMPDIR"
    chmod 600 "$BATS_TEST_TMPDIR/x.csv"
    hand_over "$BATS_TEST_TMPDIR/x.csv"
    [ "$(<"${handed[1]}")" = 'a;b' ]
}
