"""Who reads a lossless market, and how far they have got. Pure.

The exchange marks its stream with checkpoints and waits for the slowest reader; this gateway answers a checkpoint
once all of its own readers have.
"""


class Readers:
    def __init__(self) -> None:
        self._readers: set[str] = set()
        self._waiting: dict[int, set[str]] = {}

    def join(self, reader: str) -> list[int]:
        """A reader (again) reads from now on; checkpoints that an earlier incarnation owed are given up."""
        self._readers.add(reader)
        return [number for number in list(self._waiting) if self._reached(reader, number)]

    def leave(self, reader: str) -> list[int]:
        """A reader will not come back; returns the checkpoints that only it was waited for."""
        self._readers.discard(reader)
        return [number for number in list(self._waiting) if self._reached(reader, number)]

    def passed(self, number: int) -> bool:
        """A checkpoint has been sent on; True where there is nobody to wait for."""
        if self._readers:
            self._waiting[number] = set(self._readers)
        return not self._readers

    def reached(self, reader: str, number: int) -> bool:
        """A reader has reached a checkpoint; True where it was the last one."""
        return self._reached(reader, number)

    def _reached(self, reader: str, number: int) -> bool:
        waiting = self._waiting.get(number)
        if waiting is None:
            return False
        waiting.discard(reader)
        if waiting:
            return False
        del self._waiting[number]
        return True
