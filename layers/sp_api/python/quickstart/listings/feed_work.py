"""One step of a feed's workflow, by its name."""

from dataclasses import dataclass

from quickstart.listings.feed_announcements import FeedAnnouncer
from quickstart.listings.feed_checks import FeedCheck
from quickstart.listings.feed_ledger import FeedLedger
from quickstart.listings.feed_records import FeedMode, FeedRecord, FeedState
from quickstart.listings.feed_sending import FeedSender, Next, Step
from quickstart.listings.feed_steps import FeedQueue


@dataclass(frozen=True)
class FeedWorker:
    """What one invocation does for one feed. Each step can be repeated; the ledger decides what is left to do."""

    ledger: FeedLedger
    check: FeedCheck
    queue: FeedQueue
    sender: FeedSender
    announcer: FeedAnnouncer

    def run(self, record: FeedRecord, step: Step, reason: str = "") -> Next:
        """Does the step, and returns the next one. `reason` is why the feed is given up."""
        if step is Step.GIVE_UP:
            return self.sender.give_up(record, reason)
        if step is Step.ACKNOWLEDGE:
            return self._acknowledge(record)
        if record.state.final:
            # An earlier attempt of this step has ended after it.
            return Next(Step.ACKNOWLEDGE)
        match step:
            case Step.CHECK:
                return self._check(record)
            case Step.ENTER:
                return self.queue.enter(record)
            case Step.TURN:
                return self.queue.turn(record)
            case Step.SEND:
                return self.sender.send(record)
            case Step.POLL:
                return self.sender.poll(record)
            case Step.COLLECT:
                return self.sender.collect(record)
        return Next(Step.END)

    def _check(self, record: FeedRecord) -> Next:
        if record.state is FeedState.CHECKING:
            if record.mode is FeedMode.PUBLISH:
                self.queue.close_gate(record)
            self.check.check(record)
        current = self.ledger.find(record.account.seller_id, record.feed_request_id)
        return Next(Step.ACKNOWLEDGE if current is None or current.state.final else Step.ENTER)

    def _acknowledge(self, record: FeedRecord) -> Next:
        self.queue.record_messages(record)
        self.queue.leave(record)
        self.announcer.announce(record)
        return Next(Step.END)
