"""Work with a bucket of an S3-compatible service, and translate its errors.

Credentials: S3_ACCESS_KEY_ID with S3_SECRET_ACCESS_KEY (they may be encrypted, see secret.py), S3_PROFILE, or those
that boto3 finds: a role of the machine, the environment, ~/.aws (boto3 guide, "Credentials").
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from systemscripts import masking, settings
from systemscripts.directory_management import atomic_write, explain_write_error
from systemscripts.errors import ConfigurationError, EtlError, TryLaterError

if TYPE_CHECKING:
    from systemscripts.settings import Settings

LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")
# attempts of boto3 for one request
MAX_ATTEMPTS = 3
CHUNK_BYTES = 1 << 20
# error codes (Amazon S3 API reference, "Error responses") that another attempt does not fix, and what to do
_CONFIGURATION = {
    "NoSuchBucket": "Correct S3_BUCKET.",
    "InvalidBucketName": "Correct S3_BUCKET.",
    "AccessDenied": "Give the key this permission, or use another key.",
    "403": "Give the key this permission, or use another key.",
    "AllAccessDisabled": "Ask the owner of the bucket.",
    "InvalidAccessKeyId": "Correct S3_ACCESS_KEY_ID, or the profile.",
    "SignatureDoesNotMatch": "Correct S3_SECRET_ACCESS_KEY, or the profile.",
    "ExpiredToken": "Get a new token.",
    "InvalidToken": "Get a new token.",
    "AuthorizationHeaderMalformed": "Correct S3_REGION.",
    "PermanentRedirect": "Correct S3_REGION or S3_ENDPOINT_URL.",
}
# botocore's names for keys that come from a role of the machine
_ROLES = ("iam-role", "container-role")
_ABSENT = ("404", "NoSuchKey", "NotFound")


@dataclass(frozen=True)
class Object:
    """One object of a bucket, from a listing or a HEAD request."""

    key: str
    size: int
    etag: str
    modified: datetime

    @property
    def stamp(self) -> str:
        """Return a text that identifies this content and its time of writing."""
        return f"{self.etag} {self.modified:%Y-%m-%dT%H:%M:%SZ}"


class Bucket:
    """One bucket, opened by `open_bucket`."""

    def __init__(self, session: Any, client: Any, name: str, service: str) -> None:
        self.session, self.client, self.name, self.service = session, client, name, service

    @property
    def address(self) -> str:
        """Return s3://NAME/."""
        return f"s3://{self.name}/"

    def build_hadoop_options(self) -> dict[str, str]:
        """Return the options of Hadoop's s3a for this bucket (Hadoop, "Hadoop-AWS module", "S3A"), secrets included.

        The keys are those that boto3 found. If they come from a role of this machine, each machine uses its own role.
        """
        options = {"fs.s3a.endpoint.region": self.client.meta.region_name}
        if endpoint := settings.current().s3_endpoint_url:
            options["fs.s3a.endpoint"] = endpoint
        with self._translate_errors(f"sign for {self.address}"):
            signed = self.client.generate_presigned_url("head_bucket", Params={"Bucket": self.name})
            credentials = self.session.get_credentials().get_frozen_credentials()
        # otherwise the bucket is part of the host name
        is_path_style = urlsplit(signed).path.startswith(f"/{self.name}")
        options["fs.s3a.path.style.access"] = str(is_path_style).lower()
        if self.session.get_credentials().method in _ROLES:
            return options
        provider = "TemporaryAWSCredentialsProvider" if credentials.token else "SimpleAWSCredentialsProvider"
        keys = {
            "access.key": credentials.access_key,
            "secret.key": credentials.secret_key,
            "session.token": credentials.token or "",
        }
        options["fs.s3a.aws.credentials.provider"] = f"org.apache.hadoop.fs.s3a.{provider}"
        return options | {f"fs.s3a.{name}": value for name, value in keys.items() if value}

    def list_objects(self, prefix: str) -> Iterator[Object]:
        """Yield every object below a prefix, without the markers of folders that consoles create."""
        return (item for item in self._list_all(prefix) if not item.key.endswith("/"))

    def _list_all(self, prefix: str) -> Iterator[Object]:
        with self._translate_errors(f"list {self.address}{prefix}"):
            for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix):
                for item in page.get("Contents", ()):
                    yield Object(item["Key"], item["Size"], _strip_quotes(item["ETag"]), item["LastModified"])

    def list_buckets(self) -> list[str] | None:
        """Return the names of all buckets of the key, None if it may not list them."""
        from botocore.exceptions import ClientError

        with self._translate_errors("list all buckets"):
            try:
                return [item["Name"] for item in self.client.list_buckets().get("Buckets", ())]
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") in ("AccessDenied", "403", "AllAccessDisabled"):
                    return None
                raise

    def find(self, key: str) -> Object | None:
        """Return one object, None if it does not exist."""
        with self._translate_errors(f"look at {self.address}{key}"):
            from botocore.exceptions import ClientError

            try:
                head = self.client.head_object(Bucket=self.name, Key=key)
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") in _ABSENT:
                    return None
                raise
        return Object(key, head["ContentLength"], _strip_quotes(head["ETag"]), head["LastModified"])

    def read(self, key: str) -> bytes | None:
        """Return the content of a small object, None if it does not exist."""
        if self.find(key) is None:
            return None
        with self._translate_errors(f"read {self.address}{key}"):
            content: bytes = self.client.get_object(Bucket=self.name, Key=key)["Body"].read()
        return content

    def download(self, item: Object, path: Path) -> None:
        """Write an object to `path`, whole or not at all; raises TryLaterError if it changed since it was listed."""
        with self._translate_errors(f"download {self.address}{item.key}"):
            body = self.client.get_object(Bucket=self.name, Key=item.key, IfMatch=f'"{item.etag}"')["Body"]
            try:
                with atomic_write(path) as stream:
                    for chunk in body.iter_chunks(CHUNK_BYTES):
                        stream.write(chunk)
                    if stream.tell() != item.size:
                        raise TryLaterError(
                            f"{self.address}{item.key} was interrupted", "The next run fetches it again."
                        )
            except OSError as error:
                # errors of urllib3 are OSErrors, too
                if error.errno is None:
                    raise
                raise explain_write_error(path, error) from error

    def upload(self, path: Path, key: str) -> None:
        """Store a file, whole or not at all (a large one in parts)."""
        with self._translate_errors(f"write {self.address}{key}"):
            self.client.upload_file(str(path), self.name, key)

    def write(self, key: str, content: bytes, content_type: str = "text/plain; charset=utf-8") -> None:
        """Store bytes as an object."""
        with self._translate_errors(f"write {self.address}{key}"):
            self.client.put_object(Bucket=self.name, Key=key, Body=content, ContentType=content_type)

    def copy(self, item: Object, key: str) -> None:
        """Copy an object within the bucket (a large one in parts); raises TryLaterError if the copy differs."""
        with self._translate_errors(f"copy {self.address}{item.key} to {key}"):
            self.client.copy({"Bucket": self.name, "Key": item.key}, self.name, key)
        copied = self.find(key)
        if copied is None or not has_same_content(copied, item.size, item.etag):
            raise TryLaterError(
                f"{self.address}{key} differs from {item.key}, of which it is a copy", "The next run copies it again."
            )

    def delete(self, key: str) -> None:
        """Delete an object, if it exists."""
        with self._translate_errors(f"delete {self.address}{key}"):
            self.client.delete_object(Bucket=self.name, Key=key)

    def clear(self, prefix: str) -> None:
        """Delete every object below a prefix, markers of folders included."""
        for item in self._list_all(prefix):
            self.delete(item.key)

    @contextlib.contextmanager
    def _translate_errors(self, what: str) -> Iterator[None]:
        import boto3.exceptions
        from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

        try:
            yield
        except (BotoCoreError, ClientError, HTTPClientError) as error:
            raise translate_error(error, what, self.service) from error
        except boto3.exceptions.S3UploadFailedError as error:
            # the cause is only in its context
            cause = error.__context__
            raise translate_error(cause if isinstance(cause, Exception) else error, what, self.service) from error


def open_bucket(name: str = "") -> Bucket:
    """Open the bucket of the settings, or another one of the service; no request is sent yet.

    Raises ConfigurationError if no bucket is set or the connection would not be encrypted.
    """
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    current = settings.current()
    name = name or current.s3_bucket
    if not name:
        raise ConfigurationError("no bucket is set", "Set S3_BUCKET.")
    _refuse_plain_text(current)
    try:
        session = boto3.Session(
            profile_name=current.s3_profile or None, region_name=current.s3_region or None, **_get_keys(current)
        )
        client = session.client(
            "s3",
            endpoint_url=current.s3_endpoint_url or None,
            region_name=current.s3_region or session.region_name or "us-east-1",
            verify=str(current.s3_ca_file) if current.s3_ca_file else True,
            config=Config(
                s3={"addressing_style": current.s3_addressing},
                connect_timeout=current.s3_timeout_seconds,
                read_timeout=current.s3_timeout_seconds,
                retries={"mode": "standard", "max_attempts": MAX_ATTEMPTS},
                # other services than Amazon's may not support the newer checksums
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )
    except (BotoCoreError, ValueError) as error:
        raise translate_error(error, "use the settings of S3", _get_service(current)) from error
    return Bucket(session, client, name, _get_service(current))


def _get_keys(current: Settings) -> dict[str, str]:
    key, secret, token = current.s3_access_key_id, current.s3_secret_access_key, current.s3_session_token
    if (key is None) != (secret is None):
        raise ConfigurationError("S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY go together", "Set both, or none.")
    if key is None or secret is None:
        return {}
    keys = {"aws_access_key_id": key.get_secret_value(), "aws_secret_access_key": secret.get_secret_value()}
    return keys | ({"aws_session_token": token.get_secret_value()} if token else {})


def _get_service(current: Settings) -> str:
    return urlsplit(current.s3_endpoint_url).netloc.rpartition("@")[2] or "Amazon S3"


def _refuse_plain_text(current: Settings) -> None:
    parts = urlsplit(current.s3_endpoint_url)
    if current.s3_endpoint_url and parts.scheme != "https" and parts.hostname not in LOCAL_HOSTS:
        raise ConfigurationError(
            f"the service at {parts.hostname} would be reached without TLS", "Write S3_ENDPOINT_URL=https://..."
        )


def has_same_content(item: Object, size: int | None, etag: str) -> bool:
    """Return whether an object may have the content of one with this size and ETag.

    An ETag with a dash depends on how the object was uploaded (Amazon S3 API reference, "ETag"), so it is not compared.
    """
    is_comparable = "-" not in item.etag + etag
    return item.size == size and (item.etag == etag or not is_comparable)


def translate_error(error: Exception, what: str, service: str) -> EtlError:
    """Return an error of boto3 as one of our errors, by its type and code, never by its text."""
    from botocore import exceptions

    if isinstance(error, exceptions.ClientError):
        code = str(error.response.get("Error", {}).get("Code", ""))
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in ("PreconditionFailed", "412"):
            return TryLaterError(f"cannot {what}: it changed meanwhile", "The next run uses the new content.")
        if code in _CONFIGURATION:
            return ConfigurationError(f"{service}: cannot {what}: {code}", _CONFIGURATION[code])
        if code == "RequestTimeTooSkewed":
            return TryLaterError(
                f"{service}: cannot {what}: the clock of this host is wrong by minutes ({code})",
                "Correct the clock, then run the same command again.",
            )
        if status >= 500 or status == 429 or code in ("SlowDown", "RequestTimeout"):
            return TryLaterError(f"{service}: cannot {what} now: {code or status}", "Run the same command again later.")
        return EtlError(f"{service}: cannot {what}: {code or status}", "The log has the traceback.")
    if isinstance(error, exceptions.NoCredentialsError | exceptions.PartialCredentialsError):
        return ConfigurationError(f"{service}: there are no credentials", "Set S3_ACCESS_KEY_ID and the secret key.")
    if isinstance(error, exceptions.ProfileNotFound):
        return ConfigurationError("there is no such profile in ~/.aws", "Correct S3_PROFILE.")
    if isinstance(error, exceptions.SSLError):
        return ConfigurationError(
            f"{service}: its certificate is not trusted", "Set S3_CA_FILE, or correct S3_ENDPOINT_URL."
        )
    # it is not a subclass of the errors below
    if isinstance(error, exceptions.IncompleteReadError):
        return TryLaterError(
            f"{service}: cannot {what}: the connection was interrupted", "Run the same command again later."
        )
    if isinstance(error, exceptions.HTTPClientError | exceptions.ConnectionError):
        return TryLaterError(f"{service} does not answer, cannot {what}", "Run the same command again later.")
    return ConfigurationError(f"cannot {what}: {masking.mask(str(error))}", "Correct the settings S3_...")


def _strip_quotes(etag: str) -> str:
    return etag.strip('"')
