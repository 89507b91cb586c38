"""Apache Spark, in this process (local[*]) or on a cluster (spark://host:7077), for data that outgrow the machine.

The package is optional (requirements-spark.txt). The machines of a cluster must see the Parquet files under the same
paths (a shared folder). Nothing of Python runs on them: it is all SQL.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from systemscripts import masking, settings
from systemscripts.errors import ConfigurationError, EtlError, TryLaterError
from systemscripts.marts.engines import DIMENSIONS, RESULTS, Work, statement

if TYPE_CHECKING:
    from collections.abc import Callable


def compute(work: Work) -> None:
    """Run every statement on Spark.

    Raises ConfigurationError when Spark or Java is not installed, TryLaterError when the cluster does not answer.
    """
    session = _session(work)
    try:
        views = {"sales": session.read.option("mergeSchema", "true").parquet(*map(str, work.sales))}
        for name in DIMENSIONS:
            views[name] = session.read.parquet(str(work.dimensions / f"{name}.parquet"))
        for name, frame in views.items():
            frame.createOrReplaceTempView(name)
        for name, text in work.views().items():
            session.sql(text).createOrReplaceTempView(name)
        for name, columns in RESULTS.items():
            frame = session.sql(statement(name)).repartition(*columns)  # one file for each folder, not one a task
            frame.write.partitionBy(*columns).parquet(str(work.output / name))
    except Exception as error:  # py4j gives Java's own, of many kinds
        raise _explained(error, work) from error
    finally:
        session.stop()


def _session(work: Work) -> Any:
    try:
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise ConfigurationError(
            "Spark is not installed", "Run: .venv/bin/pip install -r requirements-spark.txt (and Java 17)."
        ) from error
    master = work.master or settings.current().spark_master
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
        raise _explained(error, work) from error


def _explained(error: Exception, work: Work) -> EtlError:
    text = masking.mask(str(error).strip().partition("\n")[0])[:300]
    names: Callable[[str], bool] = str(error).__contains__
    if names("All masters are unresponsive") or names("SparkContext has been shutdown"):
        return TryLaterError(f"the Spark cluster {work.master} does not answer", "Start it, then run this again.")
    return EtlError(f"Spark: {text}", "The log has the traceback.")
