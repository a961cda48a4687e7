"""The errors of this folder, and of strategies that others write."""


class StrategyError(Exception):
    """Base of the errors of this folder."""


class ParameterError(StrategyError):
    """The parameters of a strategy cannot work: which strategy, which parameter, what was expected."""
