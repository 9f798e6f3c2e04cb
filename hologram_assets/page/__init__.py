"""The money report: one self-contained HTML page of a day for people who don't open Dagster. Plain values in, HTML out."""
