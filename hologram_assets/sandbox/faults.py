"""What can go wrong on request: the names of the faults, and the board on which they are switched on and off.

What each fault does to an answer stands in `tampering` (rows and pages) and `replies` (HTTP).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

_NUMBER: Final = "number"
_FRACTION: Final = "fraction"
_TEXT: Final = "text"
SLACK: Final = "slack"
"""What the paths of Slack's methods begin with for a fault: `slack/chat.postMessage`."""


@dataclass(frozen=True, slots=True)
class _Spec:
    help: str
    value: str | None = None
    """What kind of value the fault takes, if any."""
    default: float | str | None = None
    ends: bool = False
    """Whether it replaces the whole answer, so that no second one can."""
    service: str = ""
    """`slack` for what goes wrong at Slack; everything else goes wrong at Hologram."""


_SPECS: Final[dict[str, _Spec]] = {
    "rate_limited": _Spec("429 with the documented body; VALUE = Retry-After in seconds", _NUMBER, ends=True),
    "server_error": _Spec("5xx with a failure body; VALUE = the status (503)", _NUMBER, 503, ends=True),
    "hang": _Spec("waits VALUE seconds (30) and then answers", _NUMBER, 30),
    "drop_connection": _Spec("closes the connection without an answer", ends=True),
    "cut_json": _Spec("a complete HTTP answer whose JSON stops halfway"),
    "cut_body": _Spec("closes the connection in the middle of the announced body"),
    "html": _Spec("200 with an HTML error page", ends=True),
    "not_success": _Spec("200 with success:false", ends=True),
    "unauthorized": _Spec("401, as for a wrong key", ends=True),
    "forbidden": _Spec("403, as for a key that may not read this", ends=True),
    "redirect": _Spec("302 to another host; VALUE = the URL", _TEXT, "http://elsewhere.invalid/api/1/", ends=True),
    "stuck_cursor": _Spec("every page is the first page, with continues true"),
    "empty_page_continues": _Spec("a page without rows, with continues true"),
    "ids_not_decreasing": _Spec("the rows of a page in the opposite order"),
    "wrong_lastid": _Spec("lastid is not the last row's id: a row is lost by whoever trusts it"),
    "wrong_next": _Spec("startafter in links.next is not the last row's id: a row is lost by whoever trusts it"),
    "repeated_edge_row": _Spec("each page begins with the last row of the page before"),
    "no_rows": _Spec("a proper answer without rows"),
    "fewer_rows": _Spec("a fraction VALUE (0.1) of the rows is gone", _FRACTION, 0.1),
    "bad_rows": _Spec("adds four broken rows to the first page of /usage/data"),
    "unknown_fields": _Spec("rows carry a field that nobody knows yet"),
    "string_numbers": _Spec("numbers in rows come as strings"),
    "changed_rows": _Spec("a fraction VALUE (0.1) of the sessions has one byte more", _FRACTION, 0.1),
    "moved_rows": _Spec("a fraction VALUE (0.1) of the sessions lies on the day before or after", _FRACTION, 0.1),
    "bad_request_on_flags": _Spec("400 when getdeviceinfo, getplaninfo or getcountryinfo is asked for"),
    "billing_cursor": _Spec("/usage/data/billing honours only VALUE: startat (default) or none", _TEXT, "startat"),
    "foreign_base": _Spec(
        "links.base names another host (always on); VALUE = which", _TEXT, "staging.teamhologram.ninja"
    ),
    "single_as_list": _Spec("/plans/{id} and the like answer an array of one instead of an object"),
    "slack_down": _Spec("Slack: 5xx without JSON; VALUE = the status (503)", _NUMBER, 503, ends=True, service=SLACK),
    "slack_slow": _Spec("Slack: does what is asked, and answers after VALUE seconds (30)", _NUMBER, 30, service=SLACK),
    "slack_rate_limited": _Spec(
        "Slack: 429 ratelimited; VALUE = Retry-After in seconds (1)", _NUMBER, 1, ends=True, service=SLACK
    ),
    "slack_revoked": _Spec("Slack: token_revoked under 200", ends=True, service=SLACK),
    "slack_channel_not_found": _Spec("Slack: channel_not_found under 200", ends=True, service=SLACK),
    "slack_drop_after_accept": _Spec(
        "Slack: takes the message, then closes the connection without an answer", ends=True, service=SLACK
    ),
}

FAULTS: Final[dict[str, str]] = {name: spec.help for name, spec in _SPECS.items()}
"""Every fault by its name, with one line of help."""

_NOTATION: Final = re.compile(
    r"(?P<name>[a-z_]+)(?:=(?P<value>[^@*+]+))?(?:@(?P<endpoint>[A-Za-z/.$]+))?(?:\*(?P<times>\d+))?(?:\+(?P<after>\d+))?"
)


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that is switched on.

    It applies to requests whose path below `/api/1/` begins with `endpoint` (a `$` at the end asks for exactly that
    path; for a fault at Slack the path begins with `slack/`, whether that was written or not), lets the first `after` of
    them pass, applies to the `times` after those (None: until it is cleared), and takes a `value` whose meaning `FAULTS`
    tells (None: the fault's default).
    """

    name: str
    value: float | str | None = None
    endpoint: str = ""
    times: int | None = None
    after: int = 0

    def __post_init__(self) -> None:
        """Refuse what could never apply, with a message for whoever typed it."""
        if self.name not in _SPECS:
            raise ValueError(f"fault {self.name!r} is not known; known are {', '.join(_SPECS)}")
        if (self.times is not None and self.times < 1) or self.after < 0:
            raise ValueError(f"fault {self.name}: times is 1 or more, after is 0 or more")
        object.__setattr__(self, "endpoint", _place(self.name, self.endpoint.strip("/")))
        object.__setattr__(self, "value", _checked(self.name, self.value))

    def applies_to(self, endpoint: str) -> bool:
        """Whether the fault is about this path below `/api/1/`, or this method of Slack below `slack/`."""
        if (endpoint.partition("/")[0] == SLACK) != (_SPECS[self.name].service == SLACK):
            return False
        if self.endpoint.endswith("$"):
            return endpoint == self.endpoint[:-1]
        return endpoint.startswith(self.endpoint)

    @property
    def number(self) -> float:
        """The value as a number; 0 when there is none."""
        return float(self.value or 0)

    @property
    def text(self) -> str:
        """The value as text; empty when there is none."""
        return "" if self.value is None else str(self.value)

    @property
    def ends_the_answer(self) -> bool:
        """Whether it replaces the whole answer."""
        return _SPECS[self.name].ends


def _place(name: str, endpoint: str) -> str:
    """Where a fault applies: Slack's below `slack`, Hologram's never there."""
    at_slack = endpoint.partition("/")[0] == SLACK
    if _SPECS[name].service == SLACK:
        return endpoint if at_slack else f"{SLACK}/{endpoint}".strip("/")
    if at_slack:
        raise ValueError(f"fault {name} is about Hologram's API; those of Slack begin with slack_")
    return endpoint


def _checked(name: str, value: float | str | None) -> float | str | None:
    spec = _SPECS[name]
    if value is None:
        return spec.default
    if spec.value is None:
        raise ValueError(f"fault {name} takes no value, got {value!r}")
    if spec.value == _TEXT:
        if name == "billing_cursor" and value not in {"startat", "none"}:
            raise ValueError(f"fault {name} takes startat or none, got {value!r}")
        return str(value)
    try:
        number = float(value)
    except ValueError:
        raise ValueError(f"fault {name} takes a number, got {value!r}") from None
    if number < 0 or (spec.value == _FRACTION and number > 1):
        raise ValueError(f"fault {name}: {value} is out of range")
    return number


def parse_fault(text: str) -> Fault:
    """A fault from `NAME[=VALUE][@ENDPOINT][*TIMES][+AFTER]`, for instance `rate_limited=3@usage/data*5`.

    Raises:
        ValueError: an unknown name, a value that the fault doesn't take, or another notation.
    """
    # A URL holds the very signs that divide the notation; nothing may follow it.
    if text.startswith(("redirect=", "foreign_base=")):
        name, value = text.split("=", 1)
        return Fault(name, value)
    match = _NOTATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"fault {text!r}: write NAME[=VALUE][@ENDPOINT][*TIMES][+AFTER]")
    return Fault(
        match["name"],
        value=match["value"],
        endpoint=match["endpoint"] or "",
        times=int(match["times"]) if match["times"] else None,
        after=int(match["after"] or 0),
    )


class FaultBoard:
    """The faults that are switched on; they can be set and cleared while requests run."""

    def __init__(self, faults: Iterable[Fault | str] = ()) -> None:
        self._lock = threading.Lock()
        self._active: list[Fault] = [parse_fault(fault) if isinstance(fault, str) else fault for fault in faults]

    def set(
        self,
        name: str,
        *,
        times: int | None = None,
        endpoint: str = "",
        after: int = 0,
        value: float | str | None = None,
    ) -> None:
        """Switch a fault on; one of the same name for the same endpoint is replaced. See `Fault`.

        Raises:
            ValueError: an unknown name, or a value that the fault doesn't take.
        """
        self.add(Fault(name, value=value, endpoint=endpoint, times=times, after=after))

    def add(self, fault: Fault) -> None:
        """Switch a fault on; one of the same name for the same endpoint is replaced."""
        with self._lock:
            others = [other for other in self._active if (other.name, other.endpoint) != (fault.name, fault.endpoint)]
            self._active = [*others, fault]

    def clear(self, name: str | None = None) -> None:
        """Switch off all faults, or those of one name."""
        with self._lock:
            self._active = [fault for fault in self._active if name is not None and fault.name != name]

    def active(self) -> list[Fault]:
        """The faults that are on, with what is left of their `after` and `times`."""
        with self._lock:
            return list(self._active)

    def take(self, endpoint: str) -> dict[str, Fault]:
        """The faults for one request to `endpoint`, by name, counting it against their `after` and `times`.

        At most one of them replaces the whole answer; the ones after it are left for later requests.
        """
        taken: dict[str, Fault] = {}
        left: list[Fault] = []
        over = False
        with self._lock:
            for fault in self._active:
                if over or fault.name in taken or not fault.applies_to(endpoint):
                    left.append(fault)
                elif fault.after:
                    left.append(replace(fault, after=fault.after - 1))
                else:
                    taken[fault.name] = fault
                    over = fault.ends_the_answer
                    if fault.times is None:
                        left.append(fault)
                    elif fault.times > 1:
                        left.append(replace(fault, times=fault.times - 1))
            self._active = left
        return taken
