# Set up the host's PostgreSQL: the database etl and its two logins. For configure_etl_user.sh, which has the functions
# say, fail, change and waits_for. Passwords go only through pipes, because all users can read a command line.
# shellcheck disable=SC2034,SC2154  # set or used by configure_etl_user.sh

as_postgres() { # run the SQL from stdin
    (cd / && exec runuser -u postgres -- psql -XqAt -v ON_ERROR_STOP=1 -d postgres) # in /, because postgres may not be able to enter the current folder
}

postgres_is_up() {
    getent passwd postgres >/dev/null && type -P psql >/dev/null && as_postgres <<<'select 1' >/dev/null 2>&1
}

start_postgres() { # if it is installed but not running; returns whether it is running
    ! postgres_is_up || return 0
    [[ -d /usr/lib/postgresql ]] && compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || return 1
    [[ -z $dry_run ]] || return 1
    # without our lock, which the server would keep open
    if [[ -d /run/systemd/system ]]; then systemctl start postgresql; else service postgresql start; fi >/dev/null 2>&1 {lock}>&- ||
        fail 75 "PostgreSQL is installed but does not start; see: pg_lsclusters, then run this script again"
    local try
    for ((try = 0; try < 60; try++)); do
        ! postgres_is_up || return 0
        sleep 0.5
    done
    fail 75 "PostgreSQL was started but does not answer; see: pg_lsclusters, then run this script again"
}

make_password() { # 32 letters and digits
    local text
    text=$(head -c 256 /dev/urandom | base64 -w 0 | LC_ALL=C tr -dc 'A-Za-z0-9')
    printf '%s' "${text:0:32}"
}

check_owner() { # fail if a database of that name belongs to another login
    local owner
    owner=$(as_postgres <<<"select pg_get_userbyid(datdba) from pg_database where datname = 'etl'")
    [[ -z $owner || $owner == etl ]] ||
        fail 78 "the database etl belongs to $owner, not to the login etl; rename it, or write DATABASE_URL into $settings_file yourself"
}

make_database() { # sets $database_url and $reader_url; existing logins get new passwords
    local etl_password reader_password port
    check_owner
    etl_password=$(make_password)
    reader_password=$(make_password)
    as_postgres <<SQL >/dev/null || fail 1 "the database etl could not be created; see the log of PostgreSQL"
set log_statement = 'none';
set log_min_duration_statement = -1;
set log_min_error_statement = 'panic';
select 'create role ' || name || ' login' from unnest(array['etl', 'reader']) name
    where not exists (select from pg_roles where rolname = name) \\gexec
alter role etl login createdb password '$etl_password'; -- createdb: for restores and their rehearsals
alter role reader login password '$reader_password';
select 'create database etl owner etl encoding ''UTF8'' locale ''C.UTF-8'' template template0'
    where not exists (select from pg_database where datname = 'etl') \\gexec
revoke all on database etl from public;
grant connect on database etl to reader;
-- as in systemscripts/db_utils/embedded_roles.py
alter role reader set default_transaction_read_only = on;
alter role reader set statement_timeout = '30min';
alter role reader set temp_file_limit = '4GB';
SQL
    port=$(as_postgres <<<'show port')
    database_url=postgresql://etl:$etl_password@127.0.0.1:$port/etl
    reader_url=postgresql://reader:$reader_password@127.0.0.1:$port/etl
}
