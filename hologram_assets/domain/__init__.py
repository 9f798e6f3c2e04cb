"""The rules: billing periods, usage, pricing. Pure: plain values in and out, no Dagster, no DuckDB, no HTTP.

The SQL in `warehouse/sql` answers the same questions for whole fleets; property tests hold the two together.
"""
