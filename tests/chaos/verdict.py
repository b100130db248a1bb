"""What must be true at the end of a run, from three accounts that know nothing of each other: what clients
were told, what the sink's journal holds, what the gateway's log says.

lost         a recipient was answered 250, and the sink has no copy for it
altered      content is not what was sent, below the gateway's trace field
invented     a copy for somebody, or of something, that no client sent
untrue       a 5xx for what no server refuses for good
unexplained  more copies than one, and no event of the gateway that says why: all copies of a recipient but
             one need an `ambiguous` or `ack_unconfirmed` event with the id of their own transaction
broken       the gateway said that a retry would bring no second copy, and it did
"""

import collections
import datetime

from mail import number_of, true_refusal

KINDS = ("lost", "altered", "invented", "untrue", "unexplained", "broken")
EXPLAINS = ("ambiguous", "ack_unconfirmed")


def moment(event):
    return datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00"))


class Verdict:
    def __init__(self, mails, records, events, complaints=(), promised=()):
        """`promised`: messages whose retry the gateway said, in time, would bring no second copy.
        `events` is None for a peer that has none: second copies are then counted, not judged."""
        self.mails = {mail.number: mail for mail in mails}
        self.judged, self.events = events is not None, events or []
        self.problems = {kind: [] for kind in KINDS}
        self.problems["untrue"] += complaints
        self.copies = collections.defaultdict(list)  # (number, recipient) -> ids of the transactions
        self.explained = {event.get("id") for event in self.events if event.get("type") in EXPLAINS}
        self.promised = promised
        self.ambiguous = {event.get("id") for event in self.events if event.get("type") == "ambiguous"}
        unconfirmed = [event for event in self.events if event.get("type") == "ack_unconfirmed"]
        self.remembered = {event.get("id"): moment(event) for event in unconfirmed if event.get("remembered")}
        self.no_longer = {event.get("from") for event in unconfirmed if not event.get("remembered")}
        self.began = {
            event.get("id"): moment(event) - datetime.timedelta(milliseconds=event.get("ms", 0))
            for event in self.events
            if event.get("type") == "message"
        }
        self.duplicates = 0  # counted by recipient
        for record in records:
            self.judge_record(record)
        for mail in mails:
            self.judge_mail(mail)

    def judge_record(self, record):
        mail = self.mails.get(record["number"])
        if not mail:
            return self.found("invented", f"a message from {record['sender']}")
        if record["digest"] != mail.digest():
            sent = len(mail.content())
            self.found("altered", f"message {mail.number}: {record['size']} octets, sent {sent}")
        if self.judged and not record["id"]:
            self.found("altered", f"message {mail.number} has no trace field with an id")
        for recipient in record["recipients"]:
            if recipient not in mail.recipients:
                self.found("invented", f"message {mail.number} for {recipient}, id {record['id']}")
            self.copies[mail.number, recipient].append(record["id"])

    def judge_mail(self, mail):
        for recipient in mail.acknowledged:
            if not self.copies[mail.number, recipient]:
                self.found("lost", f"message {mail.number} for {recipient}")
        for recipient, reply in mail.refused.items():
            if not true_refusal(mail.number, recipient):
                self.found("untrue", f"message {mail.number} for {recipient}: {reply}")
            if self.copies[mail.number, recipient]:
                self.found("untrue", f"message {mail.number} for {recipient} arrived, and was told {reply}")
        self.judge_copies(mail)

    def judge_copies(self, mail):
        """One finding a message: its recipients travel together, mostly."""
        for recipient in mail.recipients:
            ids = self.copies[mail.number, recipient]
            self.duplicates += max(0, len(ids) - 1)
            if self.judged and (fault := self.fault_of(mail, ids)):
                return self.found(fault, f"copies of {ids} for {recipient}: {mail.where()}")

    def fault_of(self, mail, ids):
        if len(ids) > 1 and (mail.number in self.promised or self.came_after_a_promise(mail, ids)):
            return "broken"
        if len(ids) > len(set(ids)):
            return "unexplained"  # twice in one transaction: no event can excuse that
        return "unexplained" if sum(one not in self.explained for one in ids) > 1 else None

    def came_after_a_promise(self, mail, ids):
        """A copy by a transaction that began after the gateway had said that the retry would be spared, and
        had never said that it would no longer. A try of which nobody knew the end may be in the journal late."""
        promises = [self.remembered[one] for one in ids if one in self.remembered]
        if not promises or mail.sender in self.no_longer:
            return False
        said = min(promises) + datetime.timedelta(milliseconds=2)  # both are rounded
        later = [one for one in ids if one in self.began and self.began[one] > said]
        return any(one not in self.ambiguous for one in later)

    def found(self, kind, text):
        self.problems[kind].append(text)

    @property
    def good(self):
        return not any(self.problems.values())

    def summary(self):
        counts = ", ".join(f"{kind} {len(self.problems[kind])}" for kind in KINDS)
        events = collections.Counter(event.get("type") for event in self.events)
        said = ", ".join(f"{events[kind]} {kind}" for kind in EXPLAINS)
        return f"{counts}; second copies {self.duplicates}, events {said}"

    def details(self, most=12):
        for kind in KINDS:
            for text in self.problems[kind][:most]:
                yield f"{kind}: {text}"
