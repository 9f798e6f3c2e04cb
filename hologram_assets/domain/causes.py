"""Why a run failed, as one of a few causes: what groups failures, how bad it is, and what to do about it. Pure.

An outage fails every run of every organisation, each with other dates, ids and paths in its text. What a failure has in
common with the others is its cause: for what is known to happen (a key refused, Hologram down) the kind alone, for
everything else the text without what differs from run to run.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from hashlib import sha256
from typing import NamedTuple

from hologram_assets.domain.alerts import CRITICAL, WARN

KEY_MISSING, KEY_REFUSED, KEY_FORBIDDEN = "key_missing", "key_refused", "key_forbidden"
HOLOGRAM_DOWN, RATE_LIMITED = "hologram_down", "rate_limited"
WAREHOUSE_BUSY, CHECK_FAILED, TOO_OLD, NOT_LOADED = "warehouse_busy", "check_failed", "too_old", "not_loaded"
NO_WAREHOUSE = "no_warehouse"
CRASHED, UNKNOWN, VARIOUS = "crashed", "unknown", "various"

# Of a normalised text, as much as tells causes apart.
_LONGEST = 300
# What Dagster wraps around an error of an asset; says nothing about the cause.
WRAPPERS = frozenset({"DagsterExecutionStepExecutionError", "RetryRequestedFromPolicy", "RetryRequested"})
# How a run ends that somebody stopped, should Dagster call that a failure.
_STOPS = frozenset({"StoppedError", "DagsterExecutionInterruptedError", "KeyboardInterrupt"})

# The API client's own words, at the beginning or after "organisation 144: ": what the API answers stands behind them,
# and may say anything.
_ANSWERED = re.compile(r"(?:^|: )/\S* answered (?P<status>\d{3})\b")
_NO_ANSWER = re.compile(r"(?:^|: )no answer from /")
_BY_STATUS = {401: KEY_REFUSED, 403: KEY_FORBIDDEN, 408: HOLOGRAM_DOWN, 425: HOLOGRAM_DOWN, 429: RATE_LIMITED}
_OK, _SERVER_ERROR = 200, 500
# What an asset is made from was not made yet: somebody chose assets or days alone.
_NOT_MADE = re.compile(
    r"\b(?P<asset>[a-z_]+) of \d{4}-\d\d-\d\d (?:were never loaded|was never derived) for organisation \d"
)
_BY_TEXT = (
    (KEY_MISSING, re.compile(r"\bno API key for organisation \d")),
    (WAREHOUSE_BUSY, re.compile(r"\bthe warehouse .+ (?:was busy for \d|is held by a program)")),
    (TOO_OLD, re.compile(r"\d is older than what Hologram keeps")),
    (NOT_LOADED, _NOT_MADE),
    (NO_WAREHOUSE, re.compile(r"\bthere is no warehouse at ")),
)
# The variable of a refused key stands behind what the API answered, which may name anything.
_REFUSED_VARIABLE = re.compile(r"\bCheck (HOLOGRAM_API_KEY(?:_\d+)?)\b")
_CHECK_OF = re.compile(r"^(\w+): (?:a blocking check failed|[a-z_][\w,]*$)", re.MULTILINE)
_CHECK_ERRORS = frozenset({"DagsterAssetCheckFailedError"})

_CRITICAL = frozenset({KEY_MISSING, KEY_REFUSED, KEY_FORBIDDEN, CHECK_FAILED, CRASHED, UNKNOWN, VARIOUS})
_TITLE = {
    KEY_MISSING: "no API key",
    KEY_REFUSED: "Hologram refuses the API key",
    KEY_FORBIDDEN: "the API key may not read this",
    HOLOGRAM_DOWN: "Hologram doesn't answer as it should",
    RATE_LIMITED: "Hologram limits the rate",
    WAREHOUSE_BUSY: "the warehouse was busy for too long",
    CHECK_FAILED: "a blocking check failed",
    TOO_OLD: "days are older than what Hologram keeps",
    NOT_LOADED: "days are not loaded or derived yet",
    NO_WAREHOUSE: "there is no warehouse",
    CRASHED: "the run died or did not start",
    UNKNOWN: "an error that nobody foresaw",
    VARIOUS: "many different errors",
}
_ADVICE = {
    KEY_MISSING: "Set {variables} where Dagster runs, and run the partitions again.",
    KEY_REFUSED: "Check {variables}: the key is unknown or revoked. Make a new one in Hologram's dashboard, and run the "
    "partitions again.",
    KEY_FORBIDDEN: "Check {variables}: the key must belong to an owner of the organisation.",
    HOLOGRAM_DOWN: "Nothing to do: what is stored stays, and the next run catches up. If it lasts for hours, see "
    "Hologram's status page.",
    RATE_LIMITED: "The next run catches up. If it comes back, lower HOLOGRAM_REQUESTS_PER_SECOND, or look for another "
    "program that uses the same key.",
    WAREHOUSE_BUSY: "Close what holds the warehouse (a notebook, a DuckDB shell, a long backfill); the error names the "
    "last one known. The next run catches up.",
    CHECK_FAILED: "What builds on these partitions was not run. See the check's own message, mend the data, and run the "
    "partitions again.",
    TOO_OLD: "Hologram no longer has these days. Start the backfill at the first day that can still be had; what is "
    "stored of older days stays.",
    NOT_LOADED: "Materialise {asset} of these days first; hologram-assets backfill makes everything in its order.",
    NO_WAREHOUSE: "Check HOLOGRAM_WAREHOUSE: the file is not there. A new one is made by loading raw_sessions first "
    "(hologram-assets backfill makes everything in its order).",
    CRASHED: "Look at the memory and disk of the machine and at the end of the run's log. Dagster starts such a run once "
    "more; what was stored is stored.",
    UNKNOWN: "Open the first run: the failed step shows the whole error. If it isn't the data or the machine, report it.",
    VARIOUS: "Many causes at once are mostly one: disk, network, or a new version. Open the first and the last run.",
}
_VARIABLE = re.compile(r"\bHOLOGRAM_API_KEY(?:_\d+)?\b")

# From the longest to the shortest, so that a part of one is not taken for another.
_DIFFERS = (
    (re.compile(r"(?<=\w)\?[^\s'\"<>)]*"), ""),  # the query of an address
    (re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE), "#"),
    (re.compile(r"\b0x[0-9a-f]+\b", re.IGNORECASE), "#"),
    (re.compile(r"\b(?=[a-f]*\d)[0-9a-f]{8,}\b", re.IGNORECASE), "#"),
    (re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?(?:Z| ?UTC|[+-]\d\d:?\d\d)?(?:\|\d+)?"), "#"),
    (re.compile(r"\d+(?:[.,:]\d+)*"), "#"),
    (re.compile(r"#(?:, #)+"), "#"),
    (re.compile(r"\s+"), " "),
)


class Cause(NamedTuple):
    """What failures have in common: a kind, and for some kinds the text that tells one from another.

    The text is that of an error (normalised), the assets of failed checks, or the variable of a refused key.
    """

    kind: str
    text: str = ""

    @property
    def key(self) -> str:
        """A short name for memories and metadata."""
        return f"{self.kind}-{sha256(self.text.encode()).hexdigest()[:8]}" if self.text else self.kind

    @property
    def severity(self) -> str:
        """`critical` when it stays until somebody acts, `warn` when it passes."""
        return CRITICAL if self.kind in _CRITICAL else WARN

    @property
    def title(self) -> str:
        """The cause in a few words."""
        return _TITLE.get(self.kind, self.kind)


def cause_of(text: str, classes: Sequence[str] = ()) -> Cause:
    """The cause of an error.

    Args:
        text: what it says, as `str(error)` does.
        classes: names of the error's class and of those that caused it, outermost first.
    """
    kind = _kind_of_request(text)
    if kind in {KEY_REFUSED, KEY_FORBIDDEN}:
        return Cause(kind, (_REFUSED_VARIABLE.findall(text) or [""])[-1])
    if kind is not None:
        return Cause(kind)
    for kind, pattern in _BY_TEXT:
        if pattern.search(text):
            return Cause(kind)
    if _CHECK_ERRORS & set(classes) or "a blocking check failed" in text:
        return Cause(CHECK_FAILED, ", ".join(sorted(set(_CHECK_OF.findall(text)))))
    name = next((name for name in classes if name not in WRAPPERS), "")
    return Cause(UNKNOWN, f"{name}: {normalised(text)}"[:_LONGEST])


def crash(text: str) -> Cause:
    """The cause of a run that ended without any step having failed; `text` is what Dagster says of it."""
    return Cause(CRASHED, normalised(text)[:_LONGEST])


def was_stopped(classes: Collection[str]) -> bool:
    """Whether an error's classes say that somebody stopped the run."""
    return not _STOPS.isdisjoint(classes)


def normalised(text: str) -> str:
    """A text without what differs from run to run: ids, dates, numbers, partition keys, queries of addresses."""
    for pattern, instead in _DIFFERS:
        text = pattern.sub(instead, text)
    return text.strip()


def advice(cause: Cause, text: str) -> str:
    """What to do about a cause; `text` is the error, which names the variable or the asset."""
    not_made = _NOT_MADE.search(text)
    variables = [cause.text] if cause.kind in {KEY_REFUSED, KEY_FORBIDDEN} and cause.text else _VARIABLE.findall(text)
    return _ADVICE.get(cause.kind, _ADVICE[UNKNOWN]).format(
        variables=" or ".join(dict.fromkeys(variables)) or "HOLOGRAM_API_KEY",
        asset=not_made["asset"] if not_made else "what it is made from",
    )


def _kind_of_request(text: str) -> str | None:
    answered, silent = _ANSWERED.search(text), _NO_ANSWER.search(text)
    if silent is not None and (answered is None or silent.start() < answered.start()):
        return HOLOGRAM_DOWN
    if answered is None:
        return None
    status = int(answered["status"])
    # An answer of 200 that is an error: a body that isn't the promised JSON, or `success: false`.
    return _BY_STATUS.get(status, HOLOGRAM_DOWN if status >= _SERVER_ERROR or status == _OK else None)
