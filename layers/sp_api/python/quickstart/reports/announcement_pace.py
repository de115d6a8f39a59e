"""Limits how fast messages are published to the reports topic.

SNS disables an e-mail subscription that receives more than ten messages in a second, and deletes it two days later
(https://repost.aws/knowledge-center/sns-email-subscription-disabled). Publishing still succeeds, so nobody would
notice that the e-mails have stopped.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from quickstart.call_slots import CallSlots, Quota, seconds_now
from quickstart.dynamodb import Table
from quickstart.invocation import ExpectedError
from quickstart.reports.ledger import report_key

# A function waits this long for the moment of its e-mail: a third of its time-out. Then Lambda repeats the event.
LONGEST_WAIT_SECONDS = 20.0


class AnnouncementsTooFastError(ExpectedError):
    """The e-mail may be sent in so many seconds. The message begins with their number, which the state machine reads.

    `reserved` is whether that moment is reserved for the e-mail.
    """

    def __init__(self, wait_seconds: float, *, reserved: bool) -> None:
        self.reserved = reserved
        super().__init__(
            f"{max(1, math.ceil(wait_seconds))} seconds until this e-mail may be sent: others are sent first"
        )


@dataclass(frozen=True)
class AnnouncementPace:
    """Limits announcements to `per_second` on average, for all functions together.

    Two thirds are for delivered reports, which wait for their slots in the state machine, one third for the others,
    which cannot wait for long. The state machine waits whole seconds, and functions publish some time after they take
    their slot, so more than `per_second` messages can be published within one second: ten where it is three. The items
    of the Reports table have a key that no report has. Without the index's attributes, they are not in the index.
    """

    reports: Table
    per_second: int
    now: Callable[[], float] = seconds_now
    sleep: Callable[[float], None] = time.sleep

    def take_slot(self) -> None:
        """Reserves the next moment for an e-mail about a delivered report.

        Raises AnnouncementsTooFastError if it is not now.
        """
        wait = self._slots("DELIVERED", Quota(self.per_second * 2 / 3, 1)).take()
        if wait > 0:
            raise AnnouncementsTooFastError(wait, reserved=True)

    def wait_for_slot(self, seconds: float = LONGEST_WAIT_SECONDS) -> None:
        """Waits for the next moment for another e-mail, at most so many seconds.

        Raises AnnouncementsTooFastError, and reserves nothing, if it is later.
        """
        wait = self._slots("OTHERS", Quota(self.per_second / 3, 1)).take_soon(seconds)
        if wait is None:
            raise AnnouncementsTooFastError(seconds, reserved=False)
        if wait > 0:
            self.sleep(wait)

    def _slots(self, lane: str, quota: Quota) -> CallSlots:
        return CallSlots(self.reports, report_key("*", f"ANNOUNCEMENTS#{lane}"), quota, now=self.now)
