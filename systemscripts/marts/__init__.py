"""Sales data marts: from the Parquet files of the active datasets to the database, local Parquet sets and the bucket.

`computing.run` is the way. Engines (engines/) and databases (databases/) are modules found by listing their package.
"""
