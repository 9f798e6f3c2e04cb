"""The code location's entry point."""

from hologram_assets.build import build_defs
from hologram_assets.processes import spare_the_collector

defs = build_defs()
spare_the_collector()
