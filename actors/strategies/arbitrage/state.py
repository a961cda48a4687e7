"""The states of simple arbitrage."""

from enum import Enum


class State(Enum):
    IDLE = "waiting for recovery, or drained"
    SCANNING_OPPORTUNITIES = "watching the edge of every route"
    OPPORTUNITY_DETECTED = "an edge is there at the touch; it must hold for a while"
    VALIDATING_OPPORTUNITY = "it has held; books, sizes and inventories are checked, a lagging quote is awaited"
    EXECUTING_BUY_SIDE = "an order that buys works"
    EXECUTING_SELL_SIDE = "an order that sells works"
    MONITORING_EXECUTION = "the orders of both sides work at once"
    PROFIT_REALIZED = "bought and sold; what was made is locked in (mode once rests here)"
    REPAIRING = "a side fell short: completing, unwinding or flattening"
    PROTECTING = "a market is gone or stale, or an outcome unknown: no new risk"
    COOLDOWN = "resting after an attempt"
    HALTED = "stopped; a person must look at it"
