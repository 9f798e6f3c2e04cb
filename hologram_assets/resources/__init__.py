"""The Dagster faces of the API client and the warehouse: configuration in, plain objects out."""
