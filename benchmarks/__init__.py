"""`make bench`: each figure as a ratio, measured side by side in one run against the same local server."""
