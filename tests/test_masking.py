"""Secrets appear nowhere."""

from __future__ import annotations

import base64
import html
import json
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from systemscripts import masking
from tests.conftest import Installation, Server
from tests.tiny_jobs import Jobs, Mails

pytestmark = pytest.mark.fast

PASSWORD = 'pä"ss @wörd/?#&%1'
SMTP_PASSWORD = "smtp-pass word/1"
SOURCE = "first line of key\nsecond line of key"
ARGUMENT = "from-the-command-line"
PARTS = [PASSWORD, quote(PASSWORD, safe=""), SMTP_PASSWORD, *SOURCE.split("\n"), ARGUMENT]


@pytest.fixture(autouse=True)
def _forget() -> None:
    masking._spellings.clear()
    masking._base64_spellings.clear()


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("postgresql://etl:a%40b@host/db", "postgresql://etl:***@host/db"),
        ("amqp://u:p/a@h", "amqp://u:***@h"),
        ("http://h:80/path a@b", "http://h:80/path a@b"),
        ("https://h/?access_token=abc&x=1", "https://h/?access_token=***&x=1"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("sent Bearer abcdef123456", "sent Bearer ***"),
        ("--db-password 'a b c' rest", "--db-password *** rest"),
        ("--token=abc rest", "--token=*** rest"),
        ("password='ab,cd ef' host=x", "password=*** host=x"),
        ('{"api_key": "x y, z", "n": 1}', '{"api_key": ***, "n": 1}'),
        ("create role x password 'ab''c d' login", "create role x password *** login"),
        ("AWS_SECRET_ACCESS_KEY=wJalr/K7", "AWS_SECRET_ACCESS_KEY=***"),
        ("{'SecretAccessKey': 'wJalr/K7', 'a': 1}", "{'SecretAccessKey': ***, 'a': 1}"),
        ("spring.datasource.password=a SMTP_PASSWORD_OLD: b", "spring.datasource.password=*** SMTP_PASSWORD_OLD: ***"),
        ("https://h/f?X-Amz-Signature=ab12&x=1", "https://h/f?X-Amz-Signature=***&x=1"),
        ("https://h/f?sv=1&sig=aB%2B&se=2", "https://h/f?sv=1&sig=***&se=2"),
        ("Set-Cookie: session=ab12; Path=/\nnext", "Set-Cookie: ***\nnext"),
        ("{'Cookie': 'a=b; c=d', 'x': 1}", "{'Cookie': ***, 'x': 1}"),
        ("Authorization: Digest username='u', response='ab'\nnext", "Authorization: ***'u', response='ab'\nnext"),
        ("token is eyJhbGciOi.eyJzdWIiOi.c2ln ok", "token is *** ok"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----\nnext",
            "-----BEGIN RSA PRIVATE KEY-----***-----END RSA PRIVATE KEY-----\nnext",
        ),
        ("x -----BEGIN PRIVATE KEY-----\\nMIIE cut", "x -----BEGIN PRIVATE KEY-----***"),
        ("/etc/etl/smtp_password: Permission denied", "/etc/etl/smtp_password: Permission denied"),
        ("the signature: invalid", "the signature: invalid"),
        ("the password is wrong", "the password is wrong"),
        ("a token bucket", "a token bucket"),
    ],
)
def test_what_looks_like_a_secret(text: str, masked: str) -> None:
    assert masking.mask(text) == masked


def test_registered_secrets_in_every_spelling_but_not_in_another_case() -> None:
    masking.register_secrets([PASSWORD, SOURCE, "CaseSensitive", "abc"])
    for shown in (PASSWORD, quote(PASSWORD, safe=""), repr(PASSWORD), repr([SOURCE]), f"x{SOURCE}y"):
        assert "***" in masking.mask(shown)
        assert "wörd" not in masking.mask(shown)
        assert "line of key" not in masking.mask(shown)
    assert masking.mask("casesensitive CaseSensitive abc") == "casesensitive *** abc"


@pytest.mark.parametrize(
    ("secret", "text", "masked"),
    [
        ("match", "5 matches, no match, rematch", "5 matches, no match, rematch"),
        ("match", "pass 'match' url x:match@h key=match", "pass '***' url x:***@h key=***"),
        ("match", '{"a": "match"}\nmatch\n', '{"a": "***"}\n***\n'),
        ("Winter", "Winter is coming; login=Winter", "Winter is coming; login=***"),
        ("file", "5 files, the file", "5 files, the file"),
        ("ab12", "cab12, ab123: ab12 (ab12) ab12.", "cab12, ab123: *** (***) ***."),
        ("ab12", "line\\nab12 and %40ab12%41", "line\\n*** and %40***%41"),
        ("#a1!", "x#a1!y", "x***y"),
        ("tr0ub4dor", "xtr0ub4dory", "x***y"),
        ("qwkjzhxp", "user qwkjzhxp, sftp -p qwkjzhxp (qwkjzhxp)", "user ***, sftp -p *** (***)"),
        ("sunshine", "https://h/hook/sunshine/x refused", "https://h/hook/***/x refused"),
        ("postgres", "postgres is up; login=postgres", "postgres is up; login=***"),
        ("correcthorsebattery", "xcorrecthorsebatteryx", "x***x"),
    ],
)
def test_a_short_or_common_secret_hides_itself_and_no_other_word(secret: str, text: str, masked: str) -> None:
    masking.register_secrets([secret])
    assert masking.mask(text) == masked


def test_values_for_json() -> None:
    masking.register_secrets(["1000"])
    result = masking.mask_values({"rows": 1000, "text": "1000", "password": "x", "list": (1, "a 1000"), "none": None})
    assert result == {"rows": 1000, "text": "***", "password": "***", "list": [1, "a ***"], "none": None}


def _list_encodings(secret: str) -> list[str]:
    content = secret.encode()
    texts = [before + content + after for before in (b"", b"u", b"u:") for after in (b"", b"?")]
    escaped = quote(secret, safe="")
    return [
        *(base64.b64encode(text).decode() for text in texts),
        *(base64.urlsafe_b64encode(text).decode() for text in texts),
        *(content.hex(), content.hex().upper(), content.hex(":")),
        *(escaped.lower(), quote(escaped), html.escape(secret)),
    ]


@pytest.mark.parametrize("secret", [PASSWORD, SMTP_PASSWORD, "tr0ub4", "???>>>~~~ab", "0123456789abcdef" * 2])
def test_no_encoding_of_a_secret_is_shown(secret: str) -> None:
    masking.register_secrets([secret])
    for encoded in _list_encodings(secret):
        masked = masking.mask(f"sent {encoded} there")
        assert masked.startswith("sent ")
        assert masked.endswith(" there")
        assert "***" in masked
        assert len(masked) <= len("sent *** there") + 4, (encoded, masked)


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\n    ", " \\\n", "=\n", " \u2502\n\u2502 "])
def test_a_secret_that_continues_on_the_next_line_is_hidden(line_break: str) -> None:
    masking.register_secrets([ARGUMENT])
    encoded = base64.b64encode(b"user:" + ARGUMENT.encode()).decode()
    for text in (ARGUMENT, encoded):
        for index in range(8, len(text) - 6):
            masked = masking.mask(f"the error: {text[:index]}{line_break}{text[index:]} ends\nhere")
            assert "***" in masked, masked
            assert text[index - 3 : index] + line_break not in masked
            assert masked.endswith(" ends\nhere")


@pytest.mark.parametrize(
    "part",
    ["-", "a:", "://", "://a:", "--a", "password ", "password='", "cookie=", "-----BEGIN PRIVATE KEY-----", "a\n"],
)
def test_the_time_for_a_text_grows_with_its_length(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    masking.register_secrets([PASSWORD, SMTP_PASSWORD])
    monkeypatch.setattr(masking, "MAX_TEXT_LETTERS", 10_000_000)

    def measure(length: int) -> float:
        text, times = part * (length // len(part)), []
        for _ in range(3):
            begun = time.process_time()
            masking.mask(text)
            times.append(time.process_time() - begun)
        return min(times)

    # eight times the text takes about eight times as long, and not 64 times
    assert measure(160_000) < 20 * max(measure(20_000), 0.001)


def test_a_very_long_text_is_cut_and_shows_no_half_of_a_secret() -> None:
    masking.register_secrets([ARGUMENT])
    for index in range(masking.MAX_TEXT_LETTERS - len(ARGUMENT) - 1, masking.MAX_TEXT_LETTERS + 2):
        masked = masking.mask("." * index + ARGUMENT + "." * 1_000_000)
        assert "from" not in masked
        assert masked.endswith("letters)")
        assert len(masked) < masking.MAX_TEXT_LETTERS + 100


@pytest.fixture
def planted(server: Server, installation: Installation) -> Installation:
    """An installation whose database password is an ugly one."""
    role = f"ugly_{installation.url.rpartition('_')[2]}"
    escaped = PASSWORD.replace("'", "''")
    server.execute(f"create role {role} superuser login password '{escaped}'")
    host = installation.url.rpartition("@")[2]
    installation.write_settings(
        DATABASE_URL=f"postgresql://{role}:{quote(PASSWORD, safe='')}@{host}",
        SOURCE_KEY='"' + SOURCE.replace("\n", "\\n") + '"',
    )
    return installation


def test_planted_secrets_appear_nowhere(planted: Installation, jobs: Jobs, mails: Mails) -> None:
    body = """
        import ctypes, resource, subprocess
        from systemscripts import db_utils, settings
        dumpable = ctypes.CDLL(None).prctl(3)
        print(dumpable, resource.getrlimit(resource.RLIMIT_CORE), file=open("memory", "w"))
        url = settings.current().database_url.get_secret_value()
        connection = db_utils.connect()
        secrets = settings.current().list_secrets() + [password]
        for secret in secrets:
            logger.info("info %s %r", secret, [secret])
            logger.warning("warning " + secret, extra={"detail": {"secret": secret, "list": [secret], secret: 1}})
        print(subprocess.run("cat /proc/[0-9]*/cmdline", shell=True, capture_output=True, text=True).stdout
              .replace(chr(0), " ").replace(" --password " + password, ""), file=open("cmdline", "w"))
        try:
            raise KeyError(url)
        except KeyError as error:
            raise RuntimeError(f"{secrets} {url}") from error
    """
    jobs.write("tiny", body, parameters="password: str = ''", needs="lock='{password}'")
    done = jobs.run("tiny", "--password", ARGUMENT)
    debugged = jobs.run("tiny", "--password", ARGUMENT, "--debug", "--json")
    assert (done.returncode, debugged.returncode) == (1, 1), done.stderr
    assert len(mails.list_subjects()) == 1
    tables = jobs.installation.sql(
        "select string_agg(r::text, ' ') from (select to_jsonb(t) r from dba.trun t union all "
        "select to_jsonb(l) from dba.tlogentry l) x"
    )
    seen = {
        "logs": jobs.installation.read_logs(),
        "names": " ".join(map(str, Path(jobs.installation.data).rglob("*"))),
        "tables": tables[0][0].replace("\\\\", "\\"),
        "output": done.stdout + done.stderr + debugged.stdout + debugged.stderr,
        "mail": mails.list_subjects()[0] + mails.read_text(),
        "processes": (jobs.installation.data / "cmdline").read_text(),
    }
    for where, text in seen.items():
        spellings = {form for secret in PARTS for form in (secret, repr(secret)[1:-1], json.dumps(secret)[1:-1])}
        assert not [form for form in spellings if form in text], where
    assert "info *** ['***']" in seen["logs"]
    assert "tiny --password" not in seen["processes"]
    assert (jobs.installation.data / "memory").read_text() == "0 (0, 0)\n"
    assert mails.read_text().count("--password ***") >= 1


def test_a_wrong_password_is_not_shown(planted: Installation) -> None:
    host = planted.url.rpartition("@")[2]
    done = planted.run("close_interrupted_runs", DATABASE_URL=f"postgresql://etl:wrong-secret%40x@{host}")
    assert done.returncode == 78
    assert "refused the login" in done.stderr
    assert "wrong-secret" not in done.stderr + planted.read_logs()


@pytest.mark.parametrize(
    "address", ["etl:a@b-secret@h/etl", "etl:12/b-secret@h/etl", "etl:b-secret#x@h/etl", "etl:b-secret?@h"]
)
def test_an_address_with_raw_special_characters_is_refused_unseen(installation: Installation, address: str) -> None:
    done = installation.run("close_interrupted_runs", DATABASE_URL=f"postgresql://{address}")
    assert done.returncode == 78
    assert "percent form" in done.stderr
    assert "b-secret" not in done.stderr
