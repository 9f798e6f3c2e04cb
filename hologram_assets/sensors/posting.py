"""How a tick posts: a few messages, a second apart, and what becomes of the tick when Slack doesn't take one.

Every sensor that speaks uses this, so that the rules stand once:

* a tick posts at most `posts` messages: a tick that is killed says them again, for its cursor is stored at its end;
* a tick ends within `TICK_SECONDS` of its beginning (Dagster ends one that takes a minute): nothing is asked of Slack with
  less time left than it may take to answer;
* Slack allows about one message per second and channel, so a second lies between two of a tick. Two sensors, or the end of
  a tick and the beginning of the next, may come closer: Slack takes short bursts, and else asks for a pause;
* when Slack asks for a pause that fits into the tick, the tick waits and posts the same message again, a few times; a
  longer pause ends the tick, and `not_before` goes into the cursor, so that the ticks until then don't ask at all;
* when Slack took the request and gave no answer, nobody knows whether the message stands there. It is said again, for a
  lost alert is worse than one that stands there twice, but after 1, 5, 15 minutes, then every hour: Slack may be slow for
  a day. `unanswered` counts, and goes into the cursor with `not_before`;
* any other error before the first post fails the tick: its cursor stays, and the failed tick is seen. An error after it
  must not: the cursor would forget what was said, and say it again. It becomes the tick's skip reason instead.

What to say, and what the cursor holds, is each sensor's own.
"""

from __future__ import annotations

import time
from typing import NamedTuple

from hologram_assets.domain.messages import Message
from hologram_assets.resources.slack import (
    LONGEST_PAUSE,
    SlackBusyError,
    SlackError,
    SlackRefusedError,
    SlackResource,
    SlackUnclearError,
)

POSTS = 10
TICK_SECONDS = 55.0
SPACING_SECONDS = 1.0
_SHORTEST_PAUSE = 1.0
_MOST_WAITS = 5  # for one message: who asks for a pause again and again is not ready within this tick
_REST_SECONDS = 60.0
_BACK_OFF = (60.0, 300.0, 900.0, LONGEST_PAUSE)


class Thread(NamedTuple):
    """Where a message stands: Slack's id of the channel, and the `ts` of the message that began the thread."""

    channel: str
    ts: str


class Posting:
    """The posts of one tick.

        posting = Posting(slack, began=began, unanswered=unanswered)
        for what in due:
            thread = posting.post(what.org_id, message_of(what), what.thread)
            if thread is not None:
                remember(what, thread)
            if posting.over:
                break
        why = posting.finish()

    Args:
        slack: where to.
        began: when the tick began (`time.monotonic()`): reading takes of its time too.
        unanswered: as the tick before left it, from the cursor.
        posts: the most messages of this tick.

    Attributes:
        posted: how many messages Slack took.
        error: the first error that Slack answered, if any.
        not_before: until when Slack wants to be left alone (epoch seconds), if that is beyond this tick. It belongs into
            the cursor; see `resting`.
    """

    def __init__(self, slack: SlackResource, *, began: float, unanswered: object = 0, posts: int | None = None) -> None:
        self._slack = slack
        self._posts = POSTS if posts is None else posts
        self._last_request = began + TICK_SECONDS - slack.timeout_seconds
        self._earliest = 0.0
        self._down = False
        # Of a channel's threads, each by itself: one may be locked, or its message deleted.
        self._refused: set[tuple[str, str | None]] = set()
        self.posted = 0
        self.error: SlackError | None = None
        self.not_before: float | None = None
        self._unanswered = unanswered if isinstance(unanswered, int) else 0
        self._is_unclear = False

    @property
    def unanswered(self) -> int:
        """How many ticks in a row ended with a message to which Slack gave no answer. It belongs into the cursor."""
        if self._is_unclear:
            return 1 if self.posted else self._unanswered + 1
        return 0 if self.posted or self.error is None else self._unanswered

    @property
    def over(self) -> bool:
        """Whether this tick posts nothing more: its messages or seconds are used up, or Slack is down or busy.

        A channel or thread that Slack refuses doesn't end the tick: others may be fine. It isn't tried again in this tick.
        """
        return self._down or self.posted >= self._posts or self._pause() >= self._left()

    def post(self, org_id: int | None, message: Message, thread: Thread | None = None) -> Thread | None:
        """Post a message; returns the thread that it began or went into, None if it was not posted.

        Args:
            org_id: whose channel; None for what concerns several organisations.
            message: what to say.
            thread: where to say it. If Slack refuses that (a locked thread, an archived channel), it is said as a message
                of its own in the channel of now; and if it refuses an organisation's own channel, in the one for all, so
                that one wrong name doesn't keep everybody from hearing anything.
        """
        if self.over:
            return None
        if thread is not None and self._try(thread.channel, message, thread.ts) is not None:
            return thread
        for whose in dict.fromkeys((org_id, None)):
            try:
                channel = self._slack.channel_for(whose)
            except SlackRefusedError as error:
                self.error = self.error or error
                continue
            if (began := self._try(channel, message)) is not None:
                return began
        return None

    def finish(self) -> str | None:
        """Why the tick ended early, for its skip reason; None when nothing stood in its way.

        Raises:
            SlackError: nothing was posted because of it; a long pause that Slack asked for is no error.
        """
        if self.error is None:
            return None
        if not self.posted and self.not_before is None:
            raise self.error
        return str(self.error)

    def _try(self, channel: str, message: Message, ts: str | None = None) -> Thread | None:
        if self.over or not self._refused.isdisjoint({(channel, ts), (channel, None)}):
            return None
        try:
            return self._post(channel, message, ts)
        except SlackRefusedError as error:
            self._refused.add((channel, ts))
            self.error = self.error or error
        except SlackUnclearError as error:
            self._down = self._is_unclear = True
            self.not_before = time.time() + _BACK_OFF[min(self.unanswered, len(_BACK_OFF)) - 1]
            self.error = self.error or error
        except SlackError as error:
            self._down = True
            self.error = self.error or error
        return None

    def _post(self, channel: str, message: Message, ts: str | None) -> Thread:
        waits = 0
        while True:
            time.sleep(self._pause())
            try:
                taken = Thread(*self._slack.post(channel, message, ts))
            except SlackBusyError as busy:
                waits += 1
                pause = max(_SHORTEST_PAUSE, busy.retry_after)
                self._earliest = time.monotonic() + pause
                if pause >= self._left() or waits > _MOST_WAITS:
                    self.not_before = time.time() + max(pause, _REST_SECONDS if waits > _MOST_WAITS else pause)
                    raise
            else:
                self.posted += 1
                self._earliest = time.monotonic() + SPACING_SECONDS
                return taken

    def _pause(self) -> float:
        """Seconds until Slack may be asked again."""
        return max(0.0, self._earliest - time.monotonic())

    def _left(self) -> float:
        """Seconds in which Slack may still be asked for something."""
        return self._last_request - time.monotonic()


def resting(not_before: object) -> str | None:
    """The skip reason of a tick while Slack wants to be left alone, or didn't answer; None when it may post.

    `not_before` is what stands in the cursor: epoch seconds, or anything that is no number for no such wish. What lies
    beyond the longest pause is none either: nobody wrote that, or the clock was set back.
    """
    left = (not_before if isinstance(not_before, (int, float)) else 0.0) - time.time()
    if not 0 < left <= LONGEST_PAUSE + 1:
        return None
    return f"Slack limits the rate and asked to wait, or it did not answer; {left:.0f} s are left"
