"""One SSH connection with SFTP on it: each part of making it has a time-out that names itself."""

from __future__ import annotations

import functools
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import paramiko

from systemscripts import settings
from systemscripts.address_rules import AddressRules
from systemscripts.errors import ConfigurationError, TryLaterError
from systemscripts.ssh import known_hosts
from systemscripts.ssh.login import Login, format_host, load_private_key

KEEPALIVE_SECONDS = 15
AGAIN = "The next run tries it again."

logging.getLogger("paramiko").setLevel(logging.CRITICAL)  # it logs tracebacks of what is explained here in one line


def connect(login: Login, rules: AddressRules | None = None) -> paramiko.SFTPClient:
    """Log in and open SFTP. `rules`: which addresses may be connected to.

    Raises ConfigurationError (host key, key file, login, forbidden address: trying again does not help), TryLaterError
    (server away, cut, too slow).
    """
    transport = _greeted(login.host, login.port, rules or AddressRules())
    try:
        known_hosts.check_key(login.name, transport.get_remote_server_key())
        _log_in(transport, login)
        return _sftp(transport, login.name)
    except BaseException:
        transport.close()
        raise


def fetch_host_key(host: str, port: int) -> paramiko.PKey:
    """The key a server shows, without logging in; raises TryLaterError."""
    transport = _greeted(host, port, AddressRules())
    try:
        return transport.get_remote_server_key()
    finally:
        transport.close()


def _greeted(host: str, port: int, rules: AddressRules) -> paramiko.Transport:
    """A connection up to the end of the key exchange; nothing secret was sent so far."""
    name, seconds = format_host(host, port), settings.current().sftp_answer_seconds
    transport = paramiko.Transport(_socket(host, port, name, rules))
    transport.banner_timeout = transport.auth_timeout = seconds + 5  # ours are over first, and say what was late
    _prefer_known_keys(transport, name)
    try:
        with _within(seconds, lambda: _late_part(transport), name, transport.close):
            transport.start_client(timeout=seconds + 5)
    except paramiko.ssh_exception.IncompatiblePeer as error:
        transport.close()
        raise ConfigurationError(f"{name}: {error}", "The server's SSH is too old or too new for this one.") from error
    except (paramiko.SSHException, OSError, EOFError) as error:
        transport.close()
        raise TryLaterError(f"{name}: {_late_part(transport)} failed: {_text(error)}", AGAIN) from error
    except BaseException:
        transport.close()
        raise
    transport.set_keepalive(KEEPALIVE_SECONDS)
    return transport


def _late_part(transport: paramiko.Transport) -> str:
    return "the SSH key exchange" if transport.remote_version else "the SSH banner (its greeting)"


def _socket(host: str, port: int, name: str, rules: AddressRules) -> socket.socket:
    seconds = settings.current().sftp_connect_seconds
    rules.check_name(host, port)
    try:
        for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            rules.check_address(host, str(entry[4][0]), port)
        found = socket.create_connection((host, port), seconds)
    except TimeoutError as error:
        raise TryLaterError(f"{name}: no connection within {seconds:g} s", AGAIN) from error
    except socket.gaierror as error:
        raise TryLaterError(f"{name}: the host name is not found ({error.strerror})", "Check host.") from error
    except OSError as error:
        raise TryLaterError(f"{name}: no connection: {error.strerror or error}", AGAIN) from error
    try:  # it was looked up once more for this: what counts is where we are
        rules.check_address(host, found.getpeername()[0], port)
    except BaseException:
        found.close()
        raise
    found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return found


def _prefer_known_keys(transport: paramiko.Transport, name: str) -> None:
    """Ask first for the kinds of host key that are trusted, or a server with several shows one that nobody compared."""
    known = set(known_hosts.list_trusted_keys(name))
    if "ssh-rsa" in known:
        known |= {"rsa-sha2-256", "rsa-sha2-512"}  # RFC 8332: other signatures of the same key
    options = transport.get_security_options()
    options.key_types = sorted(options.key_types, key=lambda kind: kind not in known)


def _log_in(transport: paramiko.Transport, login: Login) -> None:
    seconds = settings.current().sftp_answer_seconds
    tried = []
    for way, attempt in _ways(transport, login):
        tried.append(way)
        try:
            with _within(seconds, lambda: "the login", login.name, transport.close):
                attempt()
            return
        except paramiko.AuthenticationException as error:
            if not transport.is_active():
                raise _refused(login, tried, "the server hung up") from error
            if isinstance(error, paramiko.BadAuthenticationType):
                tried[-1] += f" (the server takes: {', '.join(error.allowed_types)})"
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise TryLaterError(f"{login.name}: the login failed: {_text(error)}", AGAIN) from error
    raise _refused(login, tried)


def _refused(login: Login, tried: list[str], detail: str = "") -> ConfigurationError:
    shown = ", ".join(tried) or "nothing: the ssh-agent holds no key"
    return ConfigurationError(
        f"{login.name} refused the login of {login.user}{f', {detail}' if detail else ''}; tried: {shown}",
        "Check user, key and password, and that the server knows the public key.",
    )


def _ways(transport: paramiko.Transport, login: Login) -> Iterator[tuple[str, Callable[[], object]]]:
    if login.key_file:
        key = load_private_key(login)
        yield f"key {login.key_file}", lambda: transport.auth_publickey(login.user, key)
    if login.agent:
        for held in paramiko.Agent().get_keys():
            name = held.comment or held.get_name()
            yield f"agent's key {name}", functools.partial(transport.auth_publickey, login.user, held)
    if login.password:
        password = login.password.get_secret_value()
        yield "password", lambda: transport.auth_password(login.user, password)


def _sftp(transport: paramiko.Transport, name: str) -> paramiko.SFTPClient:
    seconds = settings.current().sftp_answer_seconds
    try:
        with _within(seconds, lambda: "the SFTP channel", name, transport.close):
            channel = transport.open_session(timeout=seconds + 5)
            channel.settimeout(seconds)
            channel.invoke_subsystem("sftp")
            return paramiko.SFTPClient(channel)
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise TryLaterError(
            f"{name}: the SFTP channel failed: {_text(error)}", "Does the server offer SFTP?"
        ) from error


@contextmanager
def _within(seconds: float, part: Callable[[], str], name: str, stop: Callable[[], object]) -> Iterator[None]:
    """Give something `seconds`; raises TryLaterError that names the part that was late.

    Some of the library's waits have no limit of their own, so the connection is closed under them.
    """
    late: list[str] = []

    def end() -> None:
        late.append(part())
        stop()

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (paramiko.SSHException, OSError, EOFError) as error:
        if late:
            raise _late(name, late[0], seconds) from error
        raise
    finally:
        timer.cancel()
    if late:
        raise _late(name, late[0], seconds)


def _late(name: str, part: str, seconds: float) -> TryLaterError:
    return TryLaterError(f"{name}: {part} took longer than {seconds:g} s", AGAIN)


def _text(error: BaseException) -> str:
    """What went wrong, without what the caller says already."""
    return str(error).removeprefix("Error reading SSH protocol banner") or type(error).__name__
