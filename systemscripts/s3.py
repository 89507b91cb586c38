"""A bucket of an S3-compatible service: list, download, upload, copy, delete; its errors as the suite's own.

Credentials: S3_ACCESS_KEY_ID with S3_SECRET_ACCESS_KEY (they may be encrypted, see secret.py), S3_PROFILE, or what
boto3 finds by itself: a role of the machine, its environment, ~/.aws (boto3 guide, "Credentials").
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

LOCAL = ("127.0.0.1", "localhost", "::1")
# Error codes (Amazon S3 API reference, "Error responses") that no second try mends, and what to look at
_CONFIGURATION = {
    "NoSuchBucket": "Correct S3_BUCKET.",
    "InvalidBucketName": "Correct S3_BUCKET.",
    "AccessDenied": "Give the key the right to do this, or use another key.",
    "403": "Give the key the right to do this, or use another key.",
    "AllAccessDisabled": "Ask the owner of the bucket.",
    "InvalidAccessKeyId": "Correct S3_ACCESS_KEY_ID, or the profile.",
    "SignatureDoesNotMatch": "Correct S3_SECRET_ACCESS_KEY, or the profile.",
    "ExpiredToken": "Get a new token.",
    "InvalidToken": "Get a new token.",
    "AuthorizationHeaderMalformed": "Correct S3_REGION.",
    "PermanentRedirect": "Correct S3_REGION or S3_ENDPOINT_URL.",
}
_ROLES = ("iam-role", "container-role")  # how botocore calls keys that it got from the machine
_ABSENT = ("404", "NoSuchKey", "NotFound")


@dataclass(frozen=True)
class Object:
    """One object of a bucket, as the listing or a HEAD request describes it."""

    key: str
    size: int
    etag: str
    modified: datetime

    @property
    def stamp(self) -> str:
        """What tells this content, written at this time, from any other."""
        return f"{self.etag} {self.modified:%Y-%m-%dT%H:%M:%SZ}"


class Bucket:
    """One bucket; made by `bucket`."""

    def __init__(self, session: Any, client: Any, name: str, place: str) -> None:
        self.session, self.client, self.name, self.place = session, client, name, place

    @property
    def address(self) -> str:
        """s3://name/."""
        return f"s3://{self.name}/"

    def build_hadoop_options(self) -> dict[str, str]:
        """The way to this bucket for Hadoop's s3a (Hadoop, "Hadoop-AWS module", "S3A"): option -> value, secrets too.

        Keys are those that boto3 found here; those of a role of this machine are left to the role of each machine.
        """
        options = {"fs.s3a.endpoint.region": self.client.meta.region_name}
        if endpoint := settings.current().s3_endpoint_url:
            options["fs.s3a.endpoint"] = endpoint
        with self._explained(f"sign for {self.address}"):
            signed = self.client.generate_presigned_url("head_bucket", Params={"Bucket": self.name})
            found = self.session.get_credentials().get_frozen_credentials()
        by_path = urlsplit(signed).path.startswith(f"/{self.name}")  # else the bucket is part of the host's name
        options["fs.s3a.path.style.access"] = str(by_path).lower()
        if self.session.get_credentials().method in _ROLES:
            return options
        kind = "TemporaryAWSCredentialsProvider" if found.token else "SimpleAWSCredentialsProvider"
        keys = {"access.key": found.access_key, "secret.key": found.secret_key, "session.token": found.token or ""}
        options["fs.s3a.aws.credentials.provider"] = f"org.apache.hadoop.fs.s3a.{kind}"
        return options | {f"fs.s3a.{name}": value for name, value in keys.items() if value}

    def list_objects(self, prefix: str) -> Iterator[Object]:
        """Every object below a prefix, all pages of the listing; folders made by consoles are no objects."""
        return (found for found in self._listed(prefix) if not found.key.endswith("/"))

    def _listed(self, prefix: str) -> Iterator[Object]:
        with self._explained(f"list {self.address}{prefix}"):
            for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix):
                for found in page.get("Contents", ()):
                    yield Object(found["Key"], found["Size"], _plain(found["ETag"]), found["LastModified"])

    def list_buckets(self) -> list[str] | None:
        """The names of all buckets of the key; None where it may not list them, as a key for one bucket need not."""
        from botocore.exceptions import ClientError

        with self._explained("list all buckets"):
            try:
                return [found["Name"] for found in self.client.list_buckets().get("Buckets", ())]
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") in ("AccessDenied", "403", "AllAccessDisabled"):
                    return None
                raise

    def find(self, key: str) -> Object | None:
        """One object, None where there is none."""
        with self._explained(f"look at {self.address}{key}"):
            from botocore.exceptions import ClientError

            try:
                found = self.client.head_object(Bucket=self.name, Key=key)
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") in _ABSENT:
                    return None
                raise
        return Object(key, found["ContentLength"], _plain(found["ETag"]), found["LastModified"])

    def read(self, key: str) -> bytes | None:
        """The content of a small object, None where there is none."""
        if self.find(key) is None:
            return None
        with self._explained(f"read {self.address}{key}"):
            content: bytes = self.client.get_object(Bucket=self.name, Key=key)["Body"].read()
        return content

    def download(self, found: Object, path: Path) -> None:
        """Write an object to `path`, whole or not at all; TryLaterError when it changed since it was listed."""
        with self._explained(f"download {self.address}{found.key}"):
            body = self.client.get_object(Bucket=self.name, Key=found.key, IfMatch=f'"{found.etag}"')["Body"]
            try:
                with atomic_write(path) as stream:
                    for chunk in body.iter_chunks(1 << 20):
                        stream.write(chunk)
                    if stream.tell() != found.size:
                        raise TryLaterError(
                            f"{self.address}{found.key} was interrupted", "The next run fetches it again."
                        )
            except OSError as error:
                if error.errno is None:  # urllib3's own errors are OSErrors too
                    raise
                raise explain_write_error(path, error) from error

    def upload(self, path: Path, key: str) -> None:
        """Store a file; it is there whole or not at all (in parts where it is large)."""
        with self._explained(f"write {self.address}{key}"):
            self.client.upload_file(str(path), self.name, key)

    def write(self, key: str, content: bytes, kind: str = "text/plain; charset=utf-8") -> None:
        """Store some bytes."""
        with self._explained(f"write {self.address}{key}"):
            self.client.put_object(Bucket=self.name, Key=key, Body=content, ContentType=kind)

    def copy(self, found: Object, key: str) -> None:
        """Copy within the bucket (in parts where it is large) and make sure that the copy is as large and the same."""
        with self._explained(f"copy {self.address}{found.key} to {key}"):
            self.client.copy({"Bucket": self.name, "Key": found.key}, self.name, key)
        copied = self.find(key)
        if copied is None or not has_same_content(copied, found.size, found.etag):
            raise TryLaterError(
                f"{self.address}{key} is not the copy of {found.key} that it should be", "The next run copies it again."
            )

    def delete(self, key: str) -> None:
        """Remove an object; one that is gone already is no error."""
        with self._explained(f"delete {self.address}{key}"):
            self.client.delete_object(Bucket=self.name, Key=key)

    def clear(self, prefix: str) -> None:
        """Remove every object below a prefix, what stands for a folder too."""
        for found in self._listed(prefix):
            self.delete(found.key)

    @contextlib.contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        import boto3.exceptions
        from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

        try:
            yield
        except (BotoCoreError, ClientError, HTTPClientError) as error:
            raise translate_error(error, what, self.place) from error
        except boto3.exceptions.S3UploadFailedError as error:  # has the client's error only as its context
            cause = error.__context__
            raise translate_error(cause if isinstance(cause, Exception) else error, what, self.place) from error


def open_bucket(name: str = "") -> Bucket:
    """The bucket of the settings, or another of the same service. Nothing is asked of the service yet.

    Raises ConfigurationError when no bucket is named, or the way to it is not safe.
    """
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    wanted = settings.current()
    name = name or wanted.s3_bucket
    if not name:
        raise ConfigurationError("no bucket is named", "Set S3_BUCKET.")
    _refuse_plain_text(wanted)
    try:
        session = boto3.Session(
            profile_name=wanted.s3_profile or None, region_name=wanted.s3_region or None, **_keys(wanted)
        )
        client = session.client(
            "s3",
            endpoint_url=wanted.s3_endpoint_url or None,
            region_name=wanted.s3_region or session.region_name or "us-east-1",
            verify=str(wanted.s3_ca_file) if wanted.s3_ca_file else True,
            config=Config(
                s3={"addressing_style": wanted.s3_addressing},
                connect_timeout=wanted.s3_timeout_seconds,
                read_timeout=wanted.s3_timeout_seconds,
                retries={"mode": "standard", "max_attempts": 3},
                # services other than Amazon's need not know the newer checksums
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )
    except (BotoCoreError, ValueError) as error:
        raise translate_error(error, "use the settings of S3", _place(wanted)) from error
    return Bucket(session, client, name, _place(wanted))


def _keys(wanted: Settings) -> dict[str, str]:
    key, secret, token = wanted.s3_access_key_id, wanted.s3_secret_access_key, wanted.s3_session_token
    if (key is None) != (secret is None):
        raise ConfigurationError("S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY go together", "Set both, or none.")
    if key is None or secret is None:
        return {}
    found = {"aws_access_key_id": key.get_secret_value(), "aws_secret_access_key": secret.get_secret_value()}
    return found | ({"aws_session_token": token.get_secret_value()} if token else {})


def _place(wanted: Settings) -> str:
    return urlsplit(wanted.s3_endpoint_url).netloc.rpartition("@")[2] or "Amazon S3"


def _refuse_plain_text(wanted: Settings) -> None:
    parts = urlsplit(wanted.s3_endpoint_url)
    if wanted.s3_endpoint_url and parts.scheme != "https" and parts.hostname not in LOCAL:
        raise ConfigurationError(
            f"the service at {parts.hostname} would be reached without TLS", "Write S3_ENDPOINT_URL=https://..."
        )


def has_same_content(one: Object, size: int | None, etag: str) -> bool:
    """Whether an object holds the same bytes as one of that size and ETag, as far as sizes and plain ETags tell.

    An ETag with a dash is no hash of the content (Amazon S3 API reference, "ETag"): it depends on how it was uploaded.
    """
    comparable = "-" not in one.etag + etag
    return one.size == size and (one.etag == etag or not comparable)


def translate_error(error: Exception, what: str, place: str) -> EtlError:
    """An error of boto3 as the suite's own, by its type and its code, never by its text."""
    from botocore import exceptions

    if isinstance(error, exceptions.ClientError):
        code = str(error.response.get("Error", {}).get("Code", ""))
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in ("PreconditionFailed", "412"):
            return TryLaterError(f"cannot {what}: it changed meanwhile", "The next run takes the new one.")
        if code in _CONFIGURATION:
            return ConfigurationError(f"{place}: cannot {what}: {code}", _CONFIGURATION[code])
        if code == "RequestTimeTooSkewed":
            return TryLaterError(
                f"{place}: cannot {what}: the clock here is wrong by minutes ({code})",
                "Set the clock of this machine, then run the same command again.",
            )
        if status >= 500 or status == 429 or code in ("SlowDown", "RequestTimeout"):
            return TryLaterError(f"{place}: cannot {what} now: {code or status}", "Run the same command again later.")
        return EtlError(f"{place}: cannot {what}: {code or status}", "The log has the traceback.")
    if isinstance(error, exceptions.NoCredentialsError | exceptions.PartialCredentialsError):
        return ConfigurationError(f"{place}: no key is known", "Set S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY.")
    if isinstance(error, exceptions.ProfileNotFound):
        return ConfigurationError("there is no such profile in ~/.aws", "Correct S3_PROFILE.")
    if isinstance(error, exceptions.SSLError):
        return ConfigurationError(
            f"{place}: its certificate is not trusted", "Set S3_CA_FILE, or correct S3_ENDPOINT_URL."
        )
    if isinstance(error, exceptions.IncompleteReadError):  # it is none of those below
        return TryLaterError(
            f"{place}: cannot {what}: the connection was interrupted", "Run the same command again later."
        )
    if isinstance(error, exceptions.HTTPClientError | exceptions.ConnectionError):
        return TryLaterError(f"{place} does not answer, cannot {what}", "Run the same command again later.")
    return ConfigurationError(f"cannot {what}: {masking.mask(str(error))}", "Correct the settings S3_...")


def _plain(etag: str) -> str:
    return etag.strip('"')
