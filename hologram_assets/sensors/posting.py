"""How a tick posts: a few messages, a second apart, and what becomes of the tick when Slack doesn't take one.

Every sensor that speaks uses this, so that the rules stand once:

* a tick posts at most `posts` messages within `seconds` (Dagster ends a tick that takes a minute);
* Slack allows about one message per second and channel, so a second lies between two;
* when Slack asks for a pause that fits into the tick, the tick waits and posts the same message again; a longer pause
  ends the tick, and `not_before` goes into the cursor, so that the ticks until then don't ask at all;
* an error before the first post fails the tick: its cursor stays, and the failed tick is seen. An error after it must
  not: the cursor would forget what was said, and say it again. It becomes the tick's skip reason instead.

What to say, and what the cursor holds, is each sensor's own.
"""

from __future__ import annotations

import time
from typing import NamedTuple

from hologram_assets.domain.messages import Message
from hologram_assets.resources.slack import SlackBusyError, SlackError, SlackRefusedError, SlackResource

POSTS, SECONDS = 20, 30.0
SPACING_SECONDS = 1.0


class Thread(NamedTuple):
    """Where a message stands: Slack's id of the channel, and the `ts` of the message that began the thread."""

    channel: str
    ts: str


class Posting:
    """The posts of one tick.

        posting = Posting(slack)
        for what in due:
            thread = posting.post(what.org_id, message_of(what), what.thread)
            if thread is not None:
                remember(what, thread)
            if posting.over:
                break
        why = posting.finish()

    Args:
        slack: where to.
        posts: the most messages of this tick.
        seconds: how long this tick may go on posting; counted from here.

    Attributes:
        posted: how many messages Slack took.
        error: the first error that Slack answered, if any.
        not_before: until when Slack wants to be left alone (epoch seconds), if that is beyond this tick. It belongs into
            the cursor; see `resting`.
    """

    def __init__(self, slack: SlackResource, *, posts: int = POSTS, seconds: float = SECONDS) -> None:
        self._slack = slack
        self._posts = posts
        self._ends = time.monotonic() + seconds
        self._earliest = 0.0
        self._down = False
        self._refused: set[str] = set()
        self.posted = 0
        self.error: SlackError | None = None
        self.not_before: float | None = None

    @property
    def over(self) -> bool:
        """Whether this tick posts nothing more: its messages or seconds are used up, or Slack is down or busy.

        A channel that Slack refuses doesn't end the tick: others may be fine. It isn't tried again in this tick.
        """
        return self._down or self.posted >= self._posts or self._pause() >= self._left()

    def post(self, org_id: int | None, message: Message, thread: Thread | None = None) -> Thread | None:
        """Post a message; returns the thread that it began or went into, None if it was not posted.

        Args:
            org_id: whose channel; None for what concerns several organisations.
            message: what to say.
            thread: where to say it. If Slack refuses that (an archived or left channel), it is said as a message of its
                own in the channel of now; and if it refuses an organisation's own channel, in the one for all, so that
                one wrong name doesn't keep everybody from hearing anything.
        """
        if self.over:
            return None
        if thread is not None and self._try(thread.channel, message, thread.ts) is not None:
            return thread
        for whose in dict.fromkeys((org_id, None)):
            if self._down:
                return None
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
        if self._down or channel in self._refused:
            return None
        try:
            return self._post(channel, message, ts)
        except SlackRefusedError as error:
            self._refused.add(channel)
            self.error = self.error or error
        except SlackError as error:
            self._down = True
            self.error = self.error or error
        return None

    def _post(self, channel: str, message: Message, ts: str | None) -> Thread:
        while True:
            time.sleep(self._pause())
            try:
                taken = Thread(*self._slack.post(channel, message, ts))
            except SlackBusyError as busy:
                self._earliest = time.monotonic() + busy.retry_after
                if busy.retry_after >= self._left():
                    self.not_before = time.time() + busy.retry_after
                    raise
            else:
                self.posted += 1
                self._earliest = time.monotonic() + SPACING_SECONDS
                return taken

    def _pause(self) -> float:
        """Seconds until Slack may be asked again."""
        return max(0.0, self._earliest - time.monotonic())

    def _left(self) -> float:
        return self._ends - time.monotonic()


def resting(not_before: object) -> str | None:
    """The skip reason of a tick while Slack wants to be left alone; None when it may post.

    `not_before` is what stands in the cursor: epoch seconds, or anything that is no number for no such wish.
    """
    left = (not_before if isinstance(not_before, (int, float)) else 0.0) - time.time()
    return f"Slack limits the rate and asked to wait; {left:.0f} s are left" if left > 0 else None
