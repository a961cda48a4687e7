"""What can be wrong with a ledger. No text names a password."""


class LedgerError(Exception):
    """The ledger cannot be used."""


class LedgerTooNew(LedgerError):
    """A newer version of the project has written this database."""


class LedgerDown(LedgerError):
    """The database does not answer, or takes nothing now; nothing was entered, try again."""


class EntryRefused(LedgerError):
    """The database answers, and does not take what is to be entered; nothing of it was."""
