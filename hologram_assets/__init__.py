"""Dagster assets that pull a cellular IoT fleet's data from the Hologram API into DuckDB."""
