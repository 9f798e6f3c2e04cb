"""The code location's entry point."""

from hologram_assets.build import build_defs

defs = build_defs()
