"""Pictures and tables of a partition for the Dagster UI: plain values in, markdown and text out."""
