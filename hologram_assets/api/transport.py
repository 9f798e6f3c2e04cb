"""One GET to the API: key in the header only, time-outs, retries, and every failure as an error of `errors`."""

from __future__ import annotations

import logging
import random
import threading
from base64 import b64encode
from collections.abc import Callable, Mapping
from contextlib import suppress
from decimal import Decimal
from http import HTTPStatus
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import quote

import msgspec
import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from requests.exceptions import InvalidSchema, InvalidURL, MissingSchema
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from hologram_assets.api.clock import ClockReading, clock_reading, utc_now
from hologram_assets.api.errors import (
    BadRequestError,
    ForbiddenError,
    HologramError,
    KeyRefusedError,
    NotFoundError,
    RateLimitedError,
    RedirectedError,
    TransientError,
)
from hologram_assets.api.throttle import Throttle, throttle_for

logger = logging.getLogger(__name__)

_CONNECT_TIMEOUT_SECONDS = 10.0
_SHOWN_CHARACTERS = 200
_RATE_LIMIT_PAUSE_SECONDS = (5.0, 10.0)  # the API's documentation: wait 5-10 s
_LONGEST_PAUSE_SECONDS = 300.0
_TRANSIENT_STATUS = {408, 425}
_PERMANENT_ERRORS = {
    401: KeyRefusedError,
    403: ForbiddenError,
    404: NotFoundError,
    410: NotFoundError,
}

Envelope = dict[str, Any]
# Money must not pass through a float: JSON numbers with a fraction become Decimal.
_decoder = msgspec.json.Decoder(float_hook=Decimal)


class _KeyAuth(AuthBase):
    """HTTP Basic, user `apikey`. The key is in no repr and in no session header."""

    def __init__(self, credentials: str) -> None:
        self._credentials = credentials

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Basic {self._credentials}"
        return request

    def __repr__(self) -> str:
        return "_KeyAuth(***)"


class Transport:
    """GETs against one base URL with one key; thread-safe, connections are reused.

    Args:
        base_url: the configured base; credentials go nowhere else.
        key: the API key.
        timeout_seconds: how long to wait for (more of) an answer.
        connections: the most connections kept open.
        requests_per_second: shared by everything in this process that uses the same key.
        attempts: tries per request before a transient error is given up.
    """

    def __init__(
        self,
        base_url: str,
        key: str,
        *,
        timeout_seconds: float = 120,
        connections: int = 8,
        requests_per_second: float | None = None,
        attempts: int = 5,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        # UTF-8, so that a key pasted with a stray character is refused by the API and not by an encoder that shows it.
        credentials = b64encode(f"apikey:{key}".encode()).decode()
        # What an error page may echo, the longest first.
        self._secrets = sorted(filter(None, {key, quote(key, safe=""), credentials}), key=len, reverse=True)
        self._timeout = (min(_CONNECT_TIMEOUT_SECONDS, timeout_seconds), timeout_seconds)
        self._throttle: Throttle = throttle_for(key, requests_per_second)
        self._backoff = wait_exponential_jitter(multiplier=0.5, max=8, jitter=0.5)
        # Once, as making it takes as long as reading a page. Its state is per thread.
        self._retrying = Retrying(
            retry=retry_if_exception_type(TransientError),
            stop=stop_after_attempt(attempts),
            wait=self._wait,
            before_sleep=_log_retry,
            reraise=True,
        )
        self._session = requests.Session()
        self._session.auth = _KeyAuth(credentials)
        self._session.headers["Accept"] = "application/json"
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        # Proxies and certificates of the environment are looked up once: it takes as long as a whole small request.
        with suppress(ValueError):  # no URL: the first request says so
            found = self._session.merge_environment_settings(self._base_url, {}, None, None, None)
            for name in ("proxies", "verify", "cert"):
                setattr(self._session, name, found[name])
            self._session.trust_env = False
        adapter = HTTPAdapter(pool_maxsize=connections)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)
        self._calls = 0
        self._clock: ClockReading | None = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Transport({self._base_url!r})"

    @property
    def calls(self) -> int:
        """Requests sent so far, retries included."""
        return self._calls

    @property
    def clock(self) -> ClockReading | None:
        """The API's `Date` from the answer, of whatever status, that took the least time; None without one."""
        return self._clock

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def get(
        self, path: str, params: Mapping[str, str | int], check: Callable[[Envelope], object] | None = None
    ) -> Envelope:
        """The JSON object that the API answers with, `success` being true.

        `check` looks at it and raises TransientError when it is broken, which is then asked for again.

        Raises:
            TransientError: still failing after all attempts.
            PermanentError: at once.
        """
        return self._retrying(self._get_once, path, params, check)

    def _get_once(
        self, path: str, params: Mapping[str, str | int], check: Callable[[Envelope], object] | None
    ) -> Envelope:
        self._throttle.wait()
        with self._lock:
            self._calls += 1
        answer = self._sent(path, params)
        # Raised here, outside of any `except`: the library's exception holds the request, and with it the header with
        # the key, and would be the `__context__` of ours even after `from None`.
        if isinstance(answer, HologramError):
            raise answer
        envelope = self._opened(path, answer)
        if check is not None:
            check(envelope)
        return envelope

    def _sent(self, path: str, params: Mapping[str, str | int]) -> requests.Response | HologramError:
        sent_at = utc_now()
        try:
            response = self._session.get(
                f"{self._base_url}/{path}", params=dict(params), timeout=self._timeout, allow_redirects=False
            )
        except (MissingSchema, InvalidSchema, InvalidURL) as error:
            return BadRequestError(f"{self._redacted(str(error))}; check HOLOGRAM_BASE_URL")
        except requests.RequestException as error:
            return TransientError(f"no answer from /{path}: {self._redacted(_reason(error))}")
        self._read_clock(clock_reading(response.headers, sent_at, utc_now()))
        return response

    def _read_clock(self, reading: ClockReading | None) -> None:
        with self._lock:
            if reading and (self._clock is None or reading.round_trip < self._clock.round_trip):
                self._clock = reading

    def _opened(self, path: str, response: requests.Response) -> Envelope:
        status = response.status_code
        body: object
        try:
            body = _decoder.decode(response.content)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ArithmeticError):
            # The last two: nested too deeply, and an exponent beyond what Decimal can hold.
            body = None
        said = self._redacted(str(body["error"])) if isinstance(body, dict) and body.get("error") else ""
        about = f"/{path} answered {status}" + (f": {said}" if said else "")
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            raise RateLimitedError(about, _retry_after(response))
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _TRANSIENT_STATUS:
            raise TransientError(about)
        if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            msg = f"{about}, a redirect. It is not followed, so that the key stays here; check HOLOGRAM_BASE_URL"
            raise RedirectedError(msg)
        if status >= HTTPStatus.BAD_REQUEST:
            raise _PERMANENT_ERRORS.get(status, BadRequestError)(about)
        if not isinstance(body, dict):
            shown = self._redacted(response.content.decode(errors="replace"))
            msg = f"/{path} answered {status} with a body that is not a JSON object: {shown!r}"
            raise TransientError(msg)
        if body.get("success") is not True:
            success = self._redacted(repr(body.get("success")))
            msg = f"/{path} answered {status} with success: {success}" + (f", {said}" if said else "")
            raise TransientError(msg)
        return body

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, RateLimitedError):
            pause = error.retry_after
            if pause is None:
                pause = random.uniform(*_RATE_LIMIT_PAUSE_SECONDS)  # noqa: S311 - jitter, not a secret
            self._throttle.pause(pause)
            return 0.0  # the throttle holds this worker back together with the others
        return self._backoff(state)

    def _redacted(self, text: str) -> str:
        # Before it is cut: half a key is a secret, too.
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text[:_SHOWN_CHARACTERS]


def _reason(error: requests.RequestException) -> str:
    # urllib3's own reason ("Connection refused") stands behind host and URL, where a short text ends before it.
    inner = error.args[0] if error.args else ""
    return f"{type(error).__name__}: {getattr(inner, 'reason', None) or inner}"


def _retry_after(response: requests.Response) -> float | None:
    # HTTP also allows a date; nobody has seen Hologram send one, and the documented pause is the answer to it.
    try:
        seconds = float(response.headers.get("Retry-After", ""))
    except ValueError:
        return None
    return min(seconds, _LONGEST_PAUSE_SECONDS) if seconds >= 0 else None


def _log_retry(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    logger.warning("attempt %d failed, trying again: %s", state.attempt_number, error)
