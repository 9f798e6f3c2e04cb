"""The money report as it is read: opened from a file in Chromium, in the light, in the dark, on a phone, by keyboard, on paper."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from hologram_assets.page.render import render_page
from tests.browser.ui import BROWSER_OPTIONS, Ui, chromium
from tests.page.fleets import HOSTILE, organisation, page
