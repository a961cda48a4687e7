"""Whole images of a book, told as what has changed between them."""

from gateways.exchange.sources.source import BookChange, BookReset, PriceLevels


class BookImages:
    """Turns the successive images of one instrument's book into a reset and changes.

    A level that is the same in two images has not changed, so that what was taken from it stays taken; a reset would
    offer it again.
    """

    def __init__(self, instrument_id: str) -> None:
        self._id = instrument_id
        self._bids: dict[float, float] | None = None
        self._asks: dict[float, float] = {}
        self._images = 0

    def take(self, bids: PriceLevels, asks: PriceLevels, ts_ns: int) -> BookReset | BookChange:
        """The event that makes the book equal to an image; levels of size 0 are none.

        :param ts_ns: of the image, nanoseconds since the epoch.
        """
        self._images += 1
        old_bids, old_asks = self._bids, self._asks
        self._bids = {price: size for price, size in bids if size > 0}
        self._asks = {price: size for price, size in asks if size > 0}
        if old_bids is None:
            return BookReset(self._id, [*self._bids.items()], [*self._asks.items()], self._images, ts_ns, ts_ns)
        changed_bids, changed_asks = _changed(old_bids, self._bids), _changed(old_asks, self._asks)
        return BookChange(self._id, changed_bids, changed_asks, self._images, ts_ns, ts_ns)


def _changed(old: dict[float, float], new: dict[float, float]) -> PriceLevels:
    gone = [(price, 0.0) for price in old if price not in new]
    return gone + [(price, size) for price, size in new.items() if old.get(price) != size]
