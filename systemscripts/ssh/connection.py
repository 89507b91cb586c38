"""Open an SSH connection with SFTP; each step has its own timeout, named in the error."""

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
from systemscripts.ssh.received_bytes import ReadAheadSocket, ReceivedBytes
from systemscripts.ssh.requests import SftpClient

KEEPALIVE_SECONDS = 15
RETRY_HINT = "The next run tries it again."
# the library's own timeouts are longer than ours, which say what was late
EXTRA_SECONDS = 5
# what may be on its way to us; with less the server waits for our answers
WINDOW_BYTES = 1 << 22

# paramiko logs tracebacks of errors that are reported here in one line
logging.getLogger("paramiko").setLevel(logging.CRITICAL)


def connect(login: Login, rules: AddressRules | None = None) -> paramiko.SFTPClient:
    """Log in and return an SFTP client; `rules` says which addresses may be used.

    Raises ConfigurationError for what trying again does not help (host key, key file, login, forbidden address), and
    TryLaterError when the server cannot be reached, hangs up or is too slow.
    """
    transport = _open_transport(login.host, login.port, rules or AddressRules())
    try:
        known_hosts.check_key(login.name, transport.get_remote_server_key())
        _log_in(transport, login)
        return _open_sftp(transport, login.name)
    except BaseException:
        transport.close()
        raise


def fetch_host_key(host: str, port: int) -> paramiko.PKey:
    """Return the host key of a server, without logging in; raises TryLaterError."""
    transport = _open_transport(host, port, AddressRules())
    try:
        return transport.get_remote_server_key()
    finally:
        transport.close()


def _open_transport(host: str, port: int, rules: AddressRules) -> paramiko.Transport:
    """Return a connection after the key exchange; no secret was sent so far."""
    name, seconds = format_host(host, port), settings.current().sftp_answer_seconds
    transport = paramiko.Transport(_connect_socket(host, port, name, rules))
    transport.banner_timeout = transport.auth_timeout = seconds + EXTRA_SECONDS
    _prefer_known_keys(transport, name)
    _choose_algorithms(transport)
    try:
        with _limit_time(seconds, lambda: _name_step(transport), name, transport.close):
            transport.start_client(timeout=seconds + EXTRA_SECONDS)
    except paramiko.ssh_exception.IncompatiblePeer as error:
        transport.close()
        raise ConfigurationError(
            f"{name}: {error}: the server offers only what is no longer safe, or what is too new",
            "Ask its owner to offer aes256-ctr or aes256-gcm@openssh.com, with hmac-sha2-256.",
        ) from error
    except (paramiko.SSHException, OSError, EOFError) as error:
        transport.close()
        raise TryLaterError(f"{name}: {_name_step(transport)} failed: {_describe_error(error)}", RETRY_HINT) from error
    except BaseException:
        transport.close()
        raise
    transport.set_keepalive(KEEPALIVE_SECONDS)
    return transport


def _name_step(transport: paramiko.Transport) -> str:
    return "the SSH key exchange" if transport.remote_version else "the SSH banner"


def _connect_socket(host: str, port: int, name: str, rules: AddressRules) -> socket.socket:
    seconds = settings.current().sftp_connect_seconds
    rules.check_name(host, port)
    try:
        for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            rules.check_address(host, str(entry[4][0]), port)
        connection = socket.create_connection((host, port), seconds)
    except TimeoutError as error:
        raise TryLaterError(f"{name}: no connection within {seconds:g} s", RETRY_HINT) from error
    except socket.gaierror as error:
        raise TryLaterError(f"{name}: the host name was not found ({error.strerror})", "Check host.") from error
    except OSError as error:
        raise TryLaterError(f"{name}: no connection: {error.strerror or error}", RETRY_HINT) from error
    # connecting resolved the name again, so the address of the connection is checked
    try:
        rules.check_address(host, connection.getpeername()[0], port)
    except BaseException:
        connection.close()
        raise
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    # otherwise the next request waits up to 40 ms until the server has acknowledged the one before
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return ReadAheadSocket(connection)


def _prefer_known_keys(transport: paramiko.Transport, name: str) -> None:
    """Ask first for the types of host key that are trusted: a server with several keys may show another one."""
    known = set(known_hosts.list_trusted_keys(name))
    if "ssh-rsa" in known:
        # RFC 8332: other signatures with the same key
        known |= {"rsa-sha2-256", "rsa-sha2-512"}
    options = transport.get_security_options()
    options.key_types = sorted(options.key_types, key=lambda key_type: key_type not in known)


def _choose_algorithms(transport: paramiko.Transport) -> None:
    """Offer only what protects today: no CBC (RFC 4251, 9.3.1), no SHA-1 and no MD5.

    Ciphers that also authenticate (RFC 5647) come first: with the others Python does that for each packet.
    """
    options = transport.get_security_options()
    safe = [cipher for cipher in options.ciphers if "-ctr" in cipher or "-gcm" in cipher]
    options.ciphers = sorted(safe, key=lambda cipher: "-gcm" not in cipher)
    options.digests = [digest for digest in options.digests if digest.startswith("hmac-sha2-")]


def _log_in(transport: paramiko.Transport, login: Login) -> None:
    seconds = settings.current().sftp_answer_seconds
    tried = []
    for method, attempt in _list_methods(transport, login):
        tried.append(method)
        try:
            with _limit_time(seconds, lambda: "the login", login.name, transport.close):
                attempt()
            return
        except paramiko.AuthenticationException as error:
            if not transport.is_active():
                raise _build_refusal(login, tried, "the server hung up") from error
            if isinstance(error, paramiko.BadAuthenticationType):
                tried[-1] += f" (the server accepts: {', '.join(error.allowed_types)})"
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise TryLaterError(f"{login.name}: the login failed: {_describe_error(error)}", RETRY_HINT) from error
    raise _build_refusal(login, tried)


def _build_refusal(login: Login, tried: list[str], detail: str = "") -> ConfigurationError:
    shown = ", ".join(tried) or "nothing: the ssh-agent has no key"
    return ConfigurationError(
        f"{login.name} refused the login of {login.user}{f', {detail}' if detail else ''}; tried: {shown}",
        "Check user, key and password, and whether the server has the public key.",
    )


def _list_methods(transport: paramiko.Transport, login: Login) -> Iterator[tuple[str, Callable[[], object]]]:
    if login.key_file:
        key = load_private_key(login)
        yield f"key {login.key_file}", lambda: transport.auth_publickey(login.user, key)
    if login.agent:
        for key in paramiko.Agent().get_keys():
            name = key.comment or key.get_name()
            yield f"agent's key {name}", functools.partial(transport.auth_publickey, login.user, key)
    if login.password:
        password = login.password.get_secret_value()
        yield "password", lambda: transport.auth_password(login.user, password)


def _open_sftp(transport: paramiko.Transport, name: str) -> paramiko.SFTPClient:
    seconds = settings.current().sftp_answer_seconds
    try:
        with _limit_time(seconds, lambda: "the SFTP channel", name, transport.close):
            channel = transport.open_session(WINDOW_BYTES, timeout=seconds + EXTRA_SECONDS)
            channel.settimeout(seconds)
            channel.in_buffer = ReceivedBytes()  # type: ignore[assignment]
            channel.invoke_subsystem("sftp")
            return SftpClient(channel)
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise TryLaterError(
            f"{name}: the SFTP channel failed: {_describe_error(error)}", "Check that the server offers SFTP."
        ) from error


@contextmanager
def _limit_time(seconds: float, find_step: Callable[[], str], name: str, stop: Callable[[], object]) -> Iterator[None]:
    """Limit a step to `seconds`; raises TryLaterError with the name of the step.

    Some waits of the library have no limit, so the connection is closed under them.
    """
    late: list[str] = []

    def abort() -> None:
        late.append(find_step())
        stop()

    timer = threading.Timer(seconds, abort)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (paramiko.SSHException, OSError, EOFError) as error:
        if late:
            raise _build_timeout(name, late[0], seconds) from error
        raise
    finally:
        timer.cancel()
    if late:
        raise _build_timeout(name, late[0], seconds)


def _build_timeout(name: str, step: str, seconds: float) -> TryLaterError:
    return TryLaterError(f"{name}: {step} took longer than {seconds:g} s", RETRY_HINT)


def _describe_error(error: BaseException) -> str:
    """Return the text of an error, without what the caller says."""
    return str(error).removeprefix("Error reading SSH protocol banner") or type(error).__name__
