"""Sales data marts: from the Parquet files of the active datasets to the database, local Parquet sets and the bucket.

`build.run` is the entry point. Engines and databases are modules found by listing their package.
"""
