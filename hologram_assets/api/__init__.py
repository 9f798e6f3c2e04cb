"""The Hologram REST client: transport, paging, slicing, records, errors. Knows no Dagster and no DuckDB."""
