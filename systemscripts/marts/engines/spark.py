"""Apache Spark, in this process (local[*]) or on a cluster (spark://host:7077), for data that outgrow the machine.

The package is optional (requirements-spark.txt). The machines of a cluster must see the Parquet files under the same
paths (a shared folder). Nothing of Python runs on them: it is all SQL.
"""

from __future__ import annotations

import re
import socket
import sys
from pathlib import Path
from typing import Any

from systemscripts import masking, settings
from systemscripts.errors import ConfigurationError, EtlError, TryLaterError, UsageError
from systemscripts.marts.engines import DIMENSIONS, RESULTS, Work, statement


def compute(work: Work) -> None:
    """Run every statement on Spark.

    Raises ConfigurationError when Spark or Java is not installed, TryLaterError when the cluster does not answer.
    """
    master = work.master or settings.current().spark_master
    _demand_answer(master)
    session = _session(master)
    try:
        views = {"sales": session.read.option("mergeSchema", "true").parquet(*map(_file, work.sales))}
        for name in DIMENSIONS:
            views[name] = session.read.parquet(_file(work.dimensions / f"{name}.parquet"))
        for name, frame in views.items():
            frame.createOrReplaceTempView(name)
        for name, text in work.views().items():
            session.sql(text).createOrReplaceTempView(name)
        for name, columns in RESULTS.items():
            frame = session.sql(statement(name)).repartition(*columns)  # one file for each folder, not one a task
            frame.write.partitionBy(*columns).parquet(str(work.output / name))
    except Exception as error:  # py4j gives Java's own, of many kinds
        raise _explained(error) from error
    finally:
        session.stop()


def _file(path: Path) -> str:
    """A file that is read: what would be a pattern (Hadoop API, "FileSystem.globStatus") stands for itself."""
    return re.sub(r"([\[\]{}*?\\])", r"\\\1", str(path))


def _demand_answer(master: str) -> None:
    """Raise TryLaterError when no master of a cluster takes a connection: Spark itself would try for a minute."""
    if not master.startswith("spark://"):
        return
    for address in master.removeprefix("spark://").split(","):
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=5).close()
            return
        except ValueError as error:
            raise UsageError(f"{master} is no address of a cluster", "Write spark://host:7077.") from error
        except OSError:
            continue
    raise TryLaterError(f"the Spark cluster {master} does not answer", "Start it, then run the same command again.")


def _session(master: str) -> Any:
    try:
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise ConfigurationError(
            "Spark is not installed", "Run: .venv/bin/pip install -r requirements-spark.txt (and Java 17)."
        ) from error
    try:
        return (
            SparkSession.builder.master(master)
            .appName("client_etl_workflow sales_marts")
            .config("spark.ui.enabled", "false")
            .config("spark.sql.session.timeZone", "UTC")
            .config("spark.sql.ansi.enabled", "true")
            .config("spark.pyspark.python", sys.executable)
            .config("spark.log.level", "ERROR")
            .getOrCreate()
        )
    except (PySparkException, OSError) as error:
        raise ConfigurationError("Spark does not start: is Java 17 installed?", "Set JAVA_HOME.") from error
    except Exception as error:
        raise _explained(error) from error


def _explained(error: Exception) -> EtlError:
    text = masking.mask(str(error).strip().partition("\n")[0])[:300]
    return EtlError(f"Spark: {text}", "The log has the traceback; after a lost worker run the same command again.")
