"""Demo of the pipeline sales: a local S3 server and three generated months with faults, all in var/demo/.

The pipeline and its processes are the ordinary ones; only settings differ. In the second month a file lacks a column,
so it is refused, and the exit code of the pipeline reports that.
"""

from __future__ import annotations

import contextlib
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from demo import sales_data
from demo.installation import PROJECT, DemoInstallation
from demo.s3_server import S3Server
from systemscripts.commands import format_command

BUCKET = "sales-demo"
MONTHS = (date(2025, 1, 1), date(2025, 2, 1), date(2025, 3, 1))
# of the pipeline
EXPECTED_EXIT_CODES = (0, 65, 0)
ROWS = 2000
START_TIME = time(5, 15)


def run() -> int:
    """Run the demo and show what happened; return the exit code."""
    installation = DemoInstallation()
    key, folder = "sales-demo-key", installation.folder / "s3"

    def server(port: int) -> S3Server:
        return S3Server(folder, key, installation.password, port)

    with installation.serve_mail() as mails, installation.serve("s3", server) as bucket_server:
        known = len(mails.list_mails())
        installation.write_settings(
            S3_ENDPOINT_URL=bucket_server.url, S3_BUCKET=BUCKET, S3_ACCESS_KEY_ID=key,
            S3_SECRET_ACCESS_KEY=installation.password, S3_REGION="us-east-1",
        )  # fmt: skip
        installation.enter()
        _prepare()
        codes = []
        for number, month in enumerate(MONTHS):
            _upload(number, installation.folder / "generated")
            print(f"\nThe files of {month:%B %Y}", flush=True)
            following = month.replace(month=month.month + 1)
            codes.append(installation.run_job("run_pipeline.py", "sales", now=datetime.combine(following, START_TIME)))
        installation.show_result(
            "The best seller of each store and month, from sales.sales_team_data_mart",
            _list_best(),
            [*_list_set_aside(), *(f"mail: {path}" for path in mails.list_mails()[known:])],
            [
                format_command("database", "sql", "select * from sales.customers_data_mart limit 20"),
                format_command("sales_marts", "--dry-run"),
                format_command("database", "sql", "select file_name, file_location, status from sales.staging"),
                format_command("generate_sales_data", "--help"),
            ],
        )
    return 0 if tuple(codes) in (EXPECTED_EXIT_CODES, (0, 0, 0)) else max(codes)


def _prepare() -> None:
    """Load the dimensions and create the bucket."""
    from systemscripts import db_utils, s3
    from systemscripts.db_utils import migrations

    with contextlib.closing(db_utils.connect(purpose="demo")) as connection:
        migrations.apply_pending(connection)
        with db_utils.transaction(connection) as cursor:
            cursor.execute((PROJECT / "sql" / "sales" / "seed.sql").read_text(encoding="utf-8"))
    client = s3.open_bucket().client
    with contextlib.suppress(client.exceptions.BucketAlreadyExists, client.exceptions.BucketAlreadyOwnedByYou):
        client.create_bucket(Bucket=BUCKET)


def _upload(number: int, folder: Path) -> None:
    """Upload the files of a month: a valid one; one with extra columns and a refused one; one for each of five days."""
    from systemscripts import s3, settings

    wish = sales_data.SalesSpec(ROWS, seed=number + 1, month=MONTHS[number], faults=0.01)
    name = f"{wish.month:%Y%m}.csv"
    if number == 0:
        paths = [sales_data.write_standard(wish, folder / f"sales_{name}")]
    elif number == 1:
        less = sales_data.SalesSpec(50, seed=9, month=wish.month)
        paths = [
            sales_data.write_with_extra_columns(wish, folder / f"sales_{name}"),
            sales_data.write_without_total(less, folder / f"sales_less_{name}"),
        ]
    else:
        paths = sales_data.write_daily(sales_data.SalesSpec(ROWS, 3, wish.month, 5, 0.01), folder)
    bucket, prefix = s3.open_bucket(), settings.current().s3_input_prefix
    for path in paths:
        bucket.upload(path, f"{prefix}{path.name}")


def _list_best() -> list[dict[str, Any]]:
    return _select_rows(
        """select to_char(sales_month, 'YYYY-MM') as month, store_id as store, full_name, total_sales, incentive
           from sales.sales_team_data_mart where incentive > 0 order by sales_month, store_id, full_name"""
    )


def _list_set_aside() -> list[str]:
    """Return a sentence for each group of rejected rows and each refused file."""
    rejects = _select_rows(
        """select count(*) as rows, min(r.reason) as reason
           from dba.trejectedrow r join dba.tdataset d using (dataset_id)
           where d.config_name = 'sales' group by coalesce(r.column_name, 'total_cost') order by 1 desc"""
    )
    refused = _select_rows("select name, reason from dba.tfile where config_name = 'sales' and status = 'refused'")
    sentences = [f"{row['rows']} rejected rows set aside, such as: {row['reason']}" for row in rejects]
    return sentences + [f"{row['name']} refused: {row['reason']}" for row in refused]


def _select_rows(query: str) -> list[dict[str, Any]]:
    from systemscripts import db_utils

    with contextlib.closing(db_utils.connect(purpose="demo")) as connection, db_utils.transaction(connection) as cursor:
        cursor.execute(query)
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
