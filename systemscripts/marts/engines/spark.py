"""Apache Spark, in this process (local[*]) or on a cluster (spark://host:7077), for data that outgrow it.

The package is optional (requirements/spark.txt). How a cluster reaches the Parquet files: spark_files.py.
Nothing of Python runs on them: it is all SQL.
"""

from __future__ import annotations

import socket
import sys
from typing import Any

from systemscripts import masking, settings
from systemscripts.errors import ConfigurationError, EtlError, TryLaterError, UsageError
from systemscripts.marts import spark_files
from systemscripts.marts.engines import DIMENSIONS, RESULTS, Work, read_statement

_S3A = "org.apache.hadoop.fs.s3a.S3AFileSystem not found"


def compute(work: Work) -> None:
    """Run every statement on Spark.

    Raises ConfigurationError when Spark or Java is not installed, TryLaterError when the cluster does not answer.
    """
    master = work.master or settings.current().spark_master
    _require_master(master)
    with spark_files.open_place(work.output) as files:
        session = _start_session(master, files.packages)
        try:
            _run_statements(session, work, files)
        except EtlError:
            raise
        except Exception as error:  # py4j gives Java's own, of many kinds
            raise _translate_error(error) from error
        finally:
            session.stop()
        files.fetch_results()


def _run_statements(session: Any, work: Work, files: spark_files.Place) -> None:
    # set here, not when it starts: there they would be arguments of its process
    for name, value in files.options.items():
        session.sparkContext._jsc.hadoopConfiguration().set(name, value)
    views = {"sales": session.read.option("mergeSchema", "true").parquet(*map(files.share_file, work.sales))}
    for name in DIMENSIONS:
        views[name] = session.read.parquet(files.share_file(work.dimensions / f"{name}.parquet"))
    for name, frame in views.items():
        frame.createOrReplaceTempView(name)
    for name, text in work.build_views().items():
        session.sql(text).createOrReplaceTempView(name)
    for name, columns in RESULTS.items():
        frame = session.sql(read_statement(name)).repartition(*columns)  # one file for each folder, not one a task
        frame.write.partitionBy(*columns).parquet(files.build_result_path(name))


def _require_master(master: str) -> None:
    """Raise TryLaterError if no master of the cluster accepts a connection: Spark itself would try for a minute."""
    if not master.startswith("spark://"):
        return
    for address in master.removeprefix("spark://").split(","):
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=5).close()
            return
        except ValueError as error:
            raise UsageError(f"{master} is not the address of a cluster", "Write spark://host:7077.") from error
        except OSError:
            continue
    raise TryLaterError(f"the Spark cluster {master} does not answer", "Start it, then run the same command again.")


def _start_session(master: str, packages: str) -> Any:
    try:
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise ConfigurationError(
            "Spark is not installed",
            "Run: .venv/bin/pip install --require-hashes -r requirements/spark.txt (and Java 17).",
        ) from error
    fetched: dict[str, Any] = {"spark.jars.packages": packages} if packages else {}
    try:
        return (
            SparkSession.builder.master(master)
            .config(map=fetched)
            .appName("client_etl_workflow sales_marts")
            .config("spark.ui.enabled", "false")
            .config("spark.sql.session.timeZone", "UTC")
            .config("spark.sql.ansi.enabled", "true")
            .config("spark.pyspark.python", sys.executable)
            .config("spark.log.level", "ERROR")
            .getOrCreate()
        )
    except (PySparkException, OSError) as error:
        if packages:
            raise ConfigurationError(
                f"Spark does not start: is Java 17 installed, and can it fetch {packages}?",
                "Set JAVA_HOME, or SPARK_PACKAGES=none with the files in Spark's folder jars on every machine.",
            ) from error
        raise ConfigurationError("Spark does not start: is Java 17 installed?", "Set JAVA_HOME.") from error
    except Exception as error:
        raise _translate_error(error) from error


def _translate_error(error: Exception) -> EtlError:
    text = masking.mask(" ".join(str(error).split()))[:300]
    if _S3A in text:
        return ConfigurationError(
            "Spark cannot read from a bucket: it has no s3a", "Set SPARK_PACKAGES, see docs/spark.md."
        )
    return EtlError(
        f"Spark: {text}", "Run it again after a lost worker; with many rows give Spark more memory (docs/spark.md)."
    )
