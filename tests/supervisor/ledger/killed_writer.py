"""A ledger and nothing else of a supervisor: drop copies come in on standard input; it is made to be killed."""

import sys
import threading
from time import time_ns

from messages.codec import FROM_CHILD
from messages.from_child import DropCopy
from supervisor.ledger.entries import Audited, LedgerNews, LedgerOpened, RecordsApplied
from supervisor.ledger.writer import LedgerWriter
from tests.supervisor.ledger.books_of import opened


def main(url: str) -> None:
    lock = threading.Lock()

    def tell(news: LedgerNews) -> None:
        if isinstance(news, LedgerOpened | RecordsApplied):
            with lock:
                print(news.applied.get("sim", 0), flush=True)  # noqa: T201  # the answer

    writer = LedgerWriter(lambda: opened(url), tell)
    writer.start()
    for line in sys.stdin.buffer:
        copy = FROM_CHILD.decode(bytes.fromhex(line.decode()))
        assert isinstance(copy, DropCopy)
        writer.enter(time_ns(), copy)
        writer.enter(time_ns(), Audited("copy", copy.process, {"first": copy.first}))


if __name__ == "__main__":
    main(sys.argv[1])
