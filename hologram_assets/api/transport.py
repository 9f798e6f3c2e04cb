"""One GET to the API: key in the header only, time-outs, retries, and every failure as an error of `errors`."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Mapping
from decimal import Decimal
from http import HTTPStatus
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import msgspec
import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase, _basic_auth_str
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from hologram_assets.api.errors import (
    BadRequestError,
    ForbiddenError,
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

    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = _basic_auth_str("apikey", self._key)
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
        self._key = key
        self._timeout = (min(_CONNECT_TIMEOUT_SECONDS, timeout_seconds), timeout_seconds)
        self._attempts = attempts
        self._throttle: Throttle = throttle_for(key, requests_per_second)
        self._session = requests.Session()
        self._session.auth = _KeyAuth(key)
        self._session.headers["Accept"] = "application/json"
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        adapter = HTTPAdapter(pool_maxsize=connections)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)
        self._calls = 0
        self._calls_lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Transport({self._base_url!r})"

    @property
    def calls(self) -> int:
        """Requests sent so far, retries included."""
        return self._calls

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def get(self, path: str, params: Mapping[str, str | int]) -> Envelope:
        """The JSON object that the API answers with, `success` being true.

        Raises:
            TransientError: still failing after all attempts.
            PermanentError: at once.
        """
        retrying = Retrying(
            retry=retry_if_exception_type(TransientError),
            stop=stop_after_attempt(self._attempts),
            wait=_wait(self._throttle),
            before_sleep=_log_retry,
            reraise=True,
        )
        return retrying(self._get_once, path, params)

    def _get_once(self, path: str, params: Mapping[str, str | int]) -> Envelope:
        self._throttle.wait()
        with self._calls_lock:
            self._calls += 1
        try:
            response = self._session.get(
                f"{self._base_url}/{path}", params=dict(params), timeout=self._timeout, allow_redirects=False
            )
        except requests.RequestException as error:
            # `from None`: the library's exception holds the request, and with it the header with the key.
            reason = self._redacted(f"{type(error).__name__}: {error}")
            msg = f"no answer from /{path}: {reason}"
            raise TransientError(msg) from None
        return self._opened(path, response)

    def _opened(self, path: str, response: requests.Response) -> Envelope:
        status = response.status_code
        body: object
        try:
            body = _decoder.decode(response.content)
        except (msgspec.DecodeError, UnicodeDecodeError):
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
            shown = self._redacted(response.content[:_SHOWN_CHARACTERS].decode(errors="replace"))
            msg = f"/{path} answered {status} with a body that is not a JSON object: {shown!r}"
            raise TransientError(msg)
        if body.get("success") is not True:
            msg = f"/{path} answered {status} with success: {body.get('success')!r}" + (f", {said}" if said else "")
            raise TransientError(msg)
        return body

    def _redacted(self, text: str) -> str:
        return text.replace(self._key, "***")[:_SHOWN_CHARACTERS]


def _retry_after(response: requests.Response) -> float | None:
    # HTTP also allows a date; nobody has seen Hologram send one, and the documented pause is the answer to it.
    try:
        seconds = float(response.headers.get("Retry-After", ""))
    except ValueError:
        return None
    return min(seconds, _LONGEST_PAUSE_SECONDS) if seconds >= 0 else None


def _wait(throttle: Throttle) -> Callable[[RetryCallState], float]:
    backoff = wait_exponential_jitter(multiplier=0.5, max=8, jitter=0.5)

    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, RateLimitedError):
            pause = error.retry_after
            if pause is None:
                pause = random.uniform(*_RATE_LIMIT_PAUSE_SECONDS)  # noqa: S311 - jitter, not a secret
            throttle.pause(pause)
            return 0.0  # the throttle holds this worker back together with the others
        return backoff(state)

    return wait


def _log_retry(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    logger.warning("attempt %d failed, trying again: %s", state.attempt_number, error)
