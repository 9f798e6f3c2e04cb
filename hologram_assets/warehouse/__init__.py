"""DuckDB: the file and its lock, transactions, table definitions, partition writes. Knows no Dagster and no HTTP."""
