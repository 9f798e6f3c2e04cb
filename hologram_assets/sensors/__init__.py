"""Sensors. They read Dagster's instance and the settings, never the warehouse (a writer would shut them out)."""
