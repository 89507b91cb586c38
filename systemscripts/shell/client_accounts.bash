# Client accounts: chrooted, key-only SFTP accounts on this host. Sourced by configure_etl_user.sh, run as root.
#
# The caller has the functions `fail CODE TEXT` (ends the script) and `say TEXT`, and the variables SERVICE_USER and
# SERVICE_GROUP: the service user must be able to move files out of each inbox.
#
#   add_client NAME KEYFILE   create the account, or give an existing one another key; may be repeated
#   remove_client NAME        remove the account; delivered files are kept
#
# A client can write to /inbox and read from /outbox, and nothing else: no shell, no forwarding, no password, no links,
# and no change of modes, times or owners.
# shellcheck shell=bash

: "${CLIENT_ROOT:=/srv/client_etl_workflow}"           # NAME/inbox, NAME/outbox; only root may write to the folders above
: "${CLIENT_KEYS:=/etc/ssh/client_etl_workflow_keys}"  # one file of public keys per client
: "${CLIENT_GROUP:=etl_clients}"
: "${SSHD_CONFIG_FOLDER:=/etc/ssh/sshd_config.d}"
: "${SSHD_PID_FILE:=/run/sshd.pid}"

add_client() { # NAME KEYFILE
    local -r name=$1 key_file=$2
    check_client_name "$name"
    [[ -x /usr/sbin/sshd ]] || fail 78 "OpenSSH's server is not installed; run: apt-get install openssh-server"
    id -u -- "$SERVICE_USER" >/dev/null 2>&1 || fail 78 "there is no user $SERVICE_USER yet; run configure_etl_user.sh first"
    type -P setfacl >/dev/null || fail 78 "setfacl is missing; run: sudo apt-get install acl"
    [[ -r $key_file ]] || fail 2 "the key file $key_file cannot be read"
    ssh-keygen -l -f "$key_file" >/dev/null 2>&1 || fail 2 "$key_file does not contain a public SSH key"
    if grep -q 'PRIVATE KEY' -- "$key_file"; then fail 2 "$key_file is a private key; ask the client for the public one (.pub)"; fi
    getent group "$CLIENT_GROUP" >/dev/null || groupadd --system "$CLIENT_GROUP"
    make_client_user "$name"
    make_client_folders "$name"
    install -d -m 755 -o root -g root "$CLIENT_KEYS"
    install -m 644 -o root -g root "$key_file" "$CLIENT_KEYS/$name"
    write_sshd_config
    say "client $name: sftp -i KEY $name@$(hostname), key $(ssh-keygen -l -f "$key_file" | cut -d' ' -f2)"
    say "to load files from its inbox, write into the YAML of the import: sources: [{type: local, path: $CLIENT_ROOT/$name/inbox}]"
}

remove_client() { # NAME
    local -r name=$1
    check_client_name "$name"
    is_client "$name" || fail 2 "there is no client $name"
    rm -f -- "${CLIENT_KEYS:?}/$name" # first, so that no new session starts
    pkill -KILL -u "$name" || true    # open sessions
    # its rights belong to a number, which the next account may get
    setfacl -b -- "$CLIENT_ROOT/$name/inbox" 2>/dev/null || true
    chgrp -h -- "$SERVICE_GROUP" "$CLIENT_ROOT/$name/outbox" 2>/dev/null || true
    userdel "$name" 2>/dev/null || fail 1 "the user $name cannot be removed; see its processes: ps -u $name"
    say "client $name is removed; delivered files are kept in $CLIENT_ROOT/$name"
}

check_client_name() { # NAME
    [[ $1 =~ ^[a-z][a-z0-9_-]{0,30}$ ]] || fail 2 "the client name '$1' is not valid: use a letter, then a-z, 0-9, _ and -, at most 31 characters"
}

is_client() { # NAME
    id -nG -- "$1" 2>/dev/null | tr ' ' '\n' | grep -qxF -- "$CLIENT_GROUP"
}

make_client_user() { # NAME
    local -r name=$1
    if id -u -- "$name" >/dev/null 2>&1; then
        is_client "$name" || fail 2 "the user $name exists and is not a client; choose another name"
        return 0
    fi
    useradd --system --user-group --groups "$CLIENT_GROUP" --no-create-home --home-dir / --shell /usr/sbin/nologin "$name"
    usermod --password '*' "$name" # no password matches; "!" would also lock the account for keys (UsePAM no)
}

make_client_folders() { # NAME: sshd refuses a chroot that other users than root may change
    local -r name=$1 home=$CLIENT_ROOT/$1
    install -d -m 755 -o root -g root "$CLIENT_ROOT" "$home"
    # root's, so that the client cannot open it to others; the group bit gives each new file to the service group
    install -d -m 2770 -o root -g "$SERVICE_GROUP" "$home/inbox"
    setfacl -m "u:$name:rwx,d:u:$name:rwx,d:g::rwx,d:o::-" "$home/inbox" ||
        fail 78 "the file system of $CLIENT_ROOT has no access lists (ACL); use one that has, such as ext4 or xfs"
    install -d -m 2750 -o "$SERVICE_USER" -g "$name" "$home/outbox"
}

write_sshd_config() {
    local -r file=$SSHD_CONFIG_FOLDER/client_etl_workflow.conf
    local wanted
    wanted=$(sshd_config)
    install -d -m 755 "$SSHD_CONFIG_FOLDER"
    [[ ! -f $file || $(<"$file") != "$wanted" ]] || return 0
    printf '%s\n' "$wanted" >"$file.new"
    /usr/sbin/sshd -t -f "$file.new" -o "HostKey=$(find_host_key)" || {
        rm -f -- "$file.new"
        fail 78 "sshd does not accept the settings for clients; its configuration was not changed"
    }
    mv -f -- "$file.new" "$file"
    reload_sshd
}

find_host_key() { # sshd -t needs one
    local -a keys=(/etc/ssh/ssh_host_*_key)
    printf '%s' "${keys[0]}"
}

sshd_config() {
    cat <<END
# Written by configure_etl_user.sh --add-client: accounts of clients see only their own folder.
Match Group $CLIENT_GROUP
    ChrootDirectory $CLIENT_ROOT/%u
    ForceCommand internal-sftp -u 0007 -P symlink,hardlink,setstat,fsetstat,lsetstat
    AuthorizedKeysFile $CLIENT_KEYS/%u
    AuthenticationMethods publickey
    PasswordAuthentication no
    KbdInteractiveAuthentication no
    PermitTTY no
    PermitUserRC no
    PermitTunnel no
    AllowAgentForwarding no
    AllowTcpForwarding no
    AllowStreamLocalForwarding no
    X11Forwarding no
END
}

reload_sshd() {
    local pid
    if [[ -r $SSHD_PID_FILE ]] && pid=$(<"$SSHD_PID_FILE") && kill -HUP "$pid" 2>/dev/null; then
        return 0
    fi
    say "sshd is not running; the accounts work after it is started"
}
