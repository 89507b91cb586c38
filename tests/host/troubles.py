"""Thirty troubles of a host: how each is planted and fixed, what is started meanwhile, and the mail that is wanted.

docs/developers/troubles.md shows them as a table; test_thirty_troubles.py plants them.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass

from tests.host.troubled_host import DATA, FOLDER, SETTINGS, TroubledHost

Act = Callable[[TroubledHost], object]
FILL = "dd if=/dev/zero of={0}/ballast bs=4k 2>/dev/null || true"


@dataclass(frozen=True)
class Trouble:
    """One trouble. `starts`: what cron starts while it lasts, and after it is fixed.

    `subject`, `says`: patterns of the one first mail. `over`: of the one when it is over. `wanted`: how many mails of
    each kind: first, further ones, recovery.
    """

    name: str
    plant: Act
    fix: Act
    starts: tuple[str, ...]
    subject: str
    says: str
    over: str
    # a pattern of what doctor says of it, and status where jobs can start
    shown: str = ""
    wanted: tuple[int, int, int] = (1, 0, 1)
    is_slow: bool = False


def shell(text: str) -> Act:
    """Return what runs shell code on the host."""
    return lambda host: host.machine.shell(text)


def behave(code: str) -> Act:
    """Return what makes the jobs one, two and plain run Python code."""
    return lambda host: host.behave(code)


def write_settings(*lines: str, **more: str) -> Act:
    """Return what writes the settings with these changes."""
    return lambda host: host.write_settings(*lines, **more)


def both(first: Act, second: Act) -> Act:
    """Return what does one thing after another."""

    def act(host: TroubledHost) -> None:
        first(host)
        second(host)

    return act


def change_password(text: str) -> Act:
    """Return what gives the login of the jobs another password."""

    def change(host: TroubledHost) -> None:
        own = host.database_url.partition("//")[2].partition("@")[0].partition(":")[2]
        before = host.database_url if text else host.database_url.replace(f":{own}@", ":changed1@")
        host.sql(f"alter role etl password '{text or own}'", before)

    return change


def mount(folder: str, size: str) -> str:
    """Return shell code that makes a folder a disk of its own, with what is in it."""
    path = shlex.quote(folder)
    return (
        f"mkdir -p /srv/disk && mount -t tmpfs -o size={size} tmpfs /srv/disk && cp -a {path}/. /srv/disk/ && "
        f"chown --reference={path} /srv/disk && chmod --reference={path} /srv/disk && "
        f"mount --move /srv/disk {path} && {FILL.format(path)}"
    )


def unmount(folder: str) -> str:
    """Return shell code that makes it an ordinary folder again."""
    return f"umount -l {shlex.quote(folder)}"


def move_away(path: str) -> Act:
    """Return what renames a file or folder."""
    return shell(f"mv {path} {path}.away")


def move_back(path: str) -> Act:
    """Return what gives it its name back."""
    return shell(f"rm -rf {path} && mv {path}.away {path}")


def hold_file(host: TroubledHost) -> None:
    """Let a file arrive with too few rows."""
    host.drop("lists_1.csv", "name\nx\n")


def accept_held(host: TroubledHost) -> None:
    """Decide about the held file by the command of the mail."""
    [(number,)] = host.sql("select dataset_id from dba.tdataset where status = 'held'")
    assert "accepted" in host.etl("datasets", "accept", number)


def refuse_file(host: TroubledHost) -> None:
    """Let a file arrive whose header is not that of the import."""
    host.drop("lists_2.csv", "other\na\nb\n")


def start_server_without_mail(host: TroubledHost) -> None:
    """Let the mail server say that it is closed, and a job fail."""
    host.mail_server.greeting = "421 closed for maintenance"
    host.behave("raise ValueError('broken')")


def start_mail(host: TroubledHost) -> None:
    """Open the mail server; the job still fails."""
    host.mail_server.greeting = "220 test"


def refuse_recipient(answer: str) -> Act:
    """Return what lets the mail server refuse one of the two recipients, and a job fail."""

    def refuse(host: TroubledHost) -> None:
        host.mail_server.answers = {"second@example.com": answer} if answer else {}
        host.behave("raise ValueError('broken')")

    return refuse


def lock_table(host: TroubledHost) -> None:
    """Let a person's session hold a lock, as an open transaction in DBeaver does."""
    host.behave(
        "from systemscripts import db_utils; connection = db_utils.connect(purpose='one')\n"
        "with db_utils.transaction(connection) as cursor: cursor.execute('alter table dba.tuser set (fillfactor=100)')"
    )
    host.hold("begin; lock table dba.tuser in access exclusive mode")


KILL_ITSELF = "os.kill(os.getpid(), signal.SIGKILL)"
BOTH = ("first", "second")
START, NO_START = r"jobs cannot start", r"over: jobs cannot start"
TROUBLES = [
    Trouble(
        "a wrong line in the settings",
        write_settings("SMPT_PORT=25"),
        write_settings(),
        ("third",),
        START,
        r"SMPT_PORT .* did you mean SMTP_PORT",
        NO_START,
        shown=r"SMPT_PORT",
    ),
    Trouble(
        "settings that others can read",
        shell(f"chmod 644 {SETTINGS}"),
        shell(f"chmod 640 {SETTINGS}"),
        ("third",),
        START,
        r"can be read by others.* chmod 600",
        NO_START,
        shown=r"can be read by others",
        is_slow=True,
    ),
    Trouble(
        "settings that the jobs cannot read",
        shell(f"chown root:root {SETTINGS} && chmod 600 {SETTINGS}"),
        shell(f"chgrp etl_group {SETTINGS} && chmod 640 {SETTINGS}"),
        ("third",),
        START,
        r"Permission denied",
        NO_START,
        shown=r"Permission denied",
    ),
    Trouble(
        "no Python environment",
        move_away(f"{FOLDER}/.venv"),
        move_back(f"{FOLDER}/.venv"),
        ("third",),
        START,
        r"install_dependencies\.sh",
        NO_START,
        is_slow=True,
        shown=r"install_dependencies\.sh",
    ),
    Trouble(
        "a Python environment that does not start",
        shell(
            f"mv {FOLDER}/.venv {FOLDER}/.venv.away && mkdir -p {FOLDER}/.venv/bin && "
            f"ln -s /no/python {FOLDER}/.venv/bin/python"
        ),
        move_back(f"{FOLDER}/.venv"),
        ("third",),
        START,
        r"install_dependencies\.sh",
        NO_START,
        is_slow=True,
        shown=r"install_dependencies\.sh",
    ),
    Trouble(
        "a missing package",
        shell(
            f"mv {FOLDER}/.venv {FOLDER}/.venv.away && python3 -m venv --without-pip {FOLDER}/.venv && "
            f"cp {FOLDER}/requirements/base.txt {FOLDER}/.venv/.requirements-base.txt && chmod -R a+rX {FOLDER}/.venv"
        ),
        move_back(f"{FOLDER}/.venv"),
        ("third",),
        START,
        r"No module named.*install_dependencies\.sh",
        NO_START,
        is_slow=True,
        shown=r"install_dependencies\.sh",
    ),
    Trouble(
        "logs/ that cannot be written",
        shell(f"chown root:root {DATA}/logs && chmod 755 {DATA}/logs"),
        shell(f"chown etl_user:etl_group {DATA}/logs && chmod 2770 {DATA}/logs"),
        ("third",),
        START,
        r"logs cannot be written.*run: sudo",
        NO_START,
        shown=r"logs",
    ),
    Trouble(
        "etl_cron.log that cannot be written",
        shell(f"chown root:root {DATA}/logs/etl_cron.log && chmod 644 {DATA}/logs/etl_cron.log"),
        shell(f"chown etl_user:etl_group {DATA}/logs/etl_cron.log && chmod 660 {DATA}/logs/etl_cron.log"),
        ("third",),
        r"etl_cron\.log cannot be written",
        r"run: sudo",
        r"over: logs/etl_cron\.log",
        shown=r"etl_cron\.log cannot be written",
    ),
    Trouble(
        "the disk of logs/ is full",
        shell(mount(f"{DATA}/logs", "2m")),
        shell(unmount(f"{DATA}/logs")),
        ("third", "first"),
        r"the disk of .*logs is full|jobs cannot start",
        r"etl purge --dry-run|No space left",
        r"over: (the disk|jobs)",
        is_slow=True,
    ),
    Trouble(
        "the disk of var/ is full",
        shell(mount(f"{DATA}/var", "4m")),
        shell(unmount(f"{DATA}/var")),
        ("third", "first"),
        START,
        r"[Nn]o space left",
        NO_START,
        shown=r"var",
        is_slow=True,
    ),
    Trouble(
        "the disk of the archive is full",
        shell(mount(f"{DATA}/archive", "1m")),
        shell(f"rm {DATA}/archive/ballast && {unmount(f'{DATA}/archive')}"),
        ("watchdog",),
        r"the disk of .*archive is full",
        r"etl purge --dry-run",
        r"over: the disk of .*archive is full",
        shown=r"archive is full",
    ),
    Trouble(
        "the database is down",
        lambda host: host.stop_database(),
        lambda host: host.start_database(),
        (*BOTH, "watchdog"),
        r"the database is down",
        r"does not answer.*etl doctor",
        r"over: the database is down",
        is_slow=True,
        shown=r"the database is down",
    ),
    Trouble(
        "the database refuses the login",
        change_password("changed1"),
        change_password(""),
        (*BOTH, "watchdog"),
        r"the database refuses the login",
        r"correct DATABASE_URL in .*etl doctor",
        r"over: the database refuses the login",
        is_slow=True,
        shown=r"the database refuses the login",
    ),
    Trouble(
        "the database is gone from the settings",
        write_settings(DATABASE_URL=""),
        write_settings(),
        BOTH,
        START,
        r"names no DATABASE_URL",
        NO_START,
        shown=r"names no DATABASE_URL",
        is_slow=True,
    ),
    Trouble(
        "the database restarts during two runs",
        behave(
            "from systemscripts import db_utils\nconnection = db_utils.connect(purpose='x')\n"
            "with db_utils.transaction(connection) as cursor:\n"
            "    cursor.execute('select pg_terminate_backend(pg_backend_pid())')"
        ),
        behave(""),
        BOTH,
        r"the database is down",
        r"etl doctor",
        r"over: the database is down",
        is_slow=True,
    ),
    Trouble(
        "a table that a person has locked",
        lock_table,
        both(lambda host: host.release(), behave("")),
        ("first",),
        r"run_pipeline first failed",
        r"waited 1 s for a lock on dba\.tuser.*etl run first",
        r"run_pipeline first recovered",
        shown=r"run_pipeline first",
        is_slow=True,
    ),
    Trouble(
        "cron does not run",
        lambda host: host.stop_cron(),
        lambda host: host.start_cron(),
        ("watchdog",),
        r"cron does not run",
        r"systemctl enable --now cron",
        r"over: cron does not run",
        shown=r"cron does not run",
    ),
    Trouble(
        "the host was off when two pipelines were due",
        lambda host: host.miss("first", "second"),
        lambda host: [host.start(name) for name in ("first", "second")],
        ("watchdog",),
        r"2 pipelines did not run",
        r"the host was off then.*etl run first, .*etl run second",
        r"over: 2 pipelines did not run",
        shown=r"2 pipelines did not run",
        is_slow=True,
    ),
    Trouble(
        "the clock is wrong",
        lambda host: host.shift_clock(7200),
        lambda host: host.shift_clock(0),
        ("watchdog",),
        r"the clock is wrong",
        r"2 h 00 min ahead of that of the database.*timedatectl set-ntp true",
        r"over: the clock is wrong",
        shown=r"the clock is wrong",
        is_slow=True,
    ),
    Trouble(
        "a file that is held",
        hold_file,
        accept_held,
        ("lists",),
        r"run_pipeline lists failed",
        r"lists_1\.csv is held: .*etl datasets accept (\d+)\n *etl datasets undo \1\n.*Last lines of .*generic_import",
        r"run_pipeline lists recovered",
        is_slow=True,
        shown=r"run_pipeline lists",
    ),
    Trouble(
        "a file that is refused",
        refuse_file,
        lambda host: host.drop("lists_2.csv", "name\na\nb\n"),
        ("lists",),
        r"run_pipeline lists failed",
        r"lists_2\.csv is refused.*etl run lists",
        r"run_pipeline lists recovered",
        is_slow=True,
        shown=r"run_pipeline lists",
    ),
    Trouble(
        "a file that no import takes",
        lambda host: host.drop("invoice.pdf", "x"),
        shell(f"rm {DATA}/file_watcher/invoice.pdf"),
        ("watchdog",),
        r"files wait that no import accepts",
        r"invoice\.pdf",
        r"over: files wait",
        shown=r"files wait that no import accepts",
    ),
    Trouble(
        "an import whose YAML is wrong",
        shell(f"sed -i 's/^guards/gaurds/' {FOLDER}/config/imports/lists.yaml"),
        shell(f"sed -i 's/^gaurds/guards/' {FOLDER}/config/imports/lists.yaml"),
        ("lists",),
        r"run_pipeline lists failed",
        r"gaurds.*etl run lists",
        r"run_pipeline lists recovered",
        is_slow=True,
        shown=r"run_pipeline lists",
    ),
    Trouble(
        "an error in a job",
        behave("raise ValueError('broken here')"),
        behave(""),
        ("first",),
        r"run_pipeline first failed",
        r"broken here.*etl run first --failed.*Last lines of \S+/one_.*ERROR +unexpected",
        r"run_pipeline first recovered",
        shown=r"run_pipeline first",
    ),
    Trouble(
        "a run that is killed",
        behave(KILL_ITSELF),
        behave(""),
        ("third",),
        r"run_pipeline third failed",
        r"killed by signal 9.*killed by a person or a program",
        r"run_pipeline third recovered",
        shown=r"run_pipeline third",
        is_slow=True,
    ),
    Trouble(
        "a run that takes all memory",
        lambda host: host.limit_memory(),
        lambda host: host.free_memory(),
        ("third",),
        r"run_pipeline third failed",
        r"killed .*for lack of memory",
        r"run_pipeline third recovered",
        is_slow=True,
        shown=r"run_pipeline third",
    ),
    Trouble(
        "the mail server is closed",
        start_server_without_mail,
        start_mail,
        ("third",),
        r"run_pipeline third failed",
        r"broken",
        r"",
        wanted=(1, 0, 0),
        shown=r"mail cannot be sent",
    ),
    Trouble(
        "the mail server refuses one recipient for now",
        refuse_recipient("451 4.7.1 later"),
        refuse_recipient(""),
        ("third",),
        r"run_pipeline third failed",
        r"broken",
        r"",
        wanted=(1, 0, 0),
        shown=r"mail: run_pipeline third failed to second@example\.com",
        is_slow=True,
    ),
    Trouble(
        "the mail server refuses one recipient for good",
        refuse_recipient("550 5.1.1 unknown"),
        both(refuse_recipient(""), behave("")),
        ("third",),
        r"run_pipeline third failed|mail to second@example\.com is refused",
        r"broken|correct the address",
        r"run_pipeline third recovered|over: mail to second@example\.com",
        wanted=(2, 0, 2),
        shown=r"mail to second@example\.com is refused",
        is_slow=True,
    ),
    Trouble(
        "a command mistyped at a terminal",
        lambda host: host.etl("load", "no_such_import"),
        lambda host: None,
        (),
        r"",
        r"",
        r"",
        wanted=(0, 0, 0),
    ),
]
