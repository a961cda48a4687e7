"""The micro-price: where between bid and ask the next trade is likely, by the sizes that wait on both sides.

Source: the size-weighted mid; see S. Stoikov, "The micro-price: a high-frequency estimator of future prices",
Quantitative Finance 18(12), 2018, section 1, where it is the "weighted mid-price".
"""

from messages.market import Quote


def micro_price(quote: Quote) -> float:
    """(bid × ask size + ask × bid size) / (bid size + ask size); the mid where no sizes are known.

    A large bid size pushes it towards the ask. It is mid + imbalance × spread / 2.
    """
    size = quote.bid_size + quote.ask_size
    if size <= 0.0:
        return (quote.bid + quote.ask) / 2.0
    return (quote.bid * quote.ask_size + quote.ask * quote.bid_size) / size


def imbalance(quote: Quote) -> float:
    """(bid size − ask size) / (bid size + ask size): +1 where only buyers wait, −1 where only sellers do."""
    size = quote.bid_size + quote.ask_size
    return (quote.bid_size - quote.ask_size) / size if size > 0.0 else 0.0
