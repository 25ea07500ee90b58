"""The error tree. The type carries what to do about it.

ForescaleError
├── ConfigError        what the user wrote is wrong: exit 2, says where and what is right
├── TraceError         a CSV that cannot be used: exit 2
├── StoreError         the ledger cannot be read or written: no action without a journal
└── AdapterError       something outside failed
    ├── Throttled      slow down; says nothing about the target
    ├── Unavailable    no answer now; hold and try again
    ├── Denied         credentials or permissions: people must act
    └── NotFound       the thing named does not exist; says what does
"""


class ForescaleError(Exception):
    """Base of every error raised on purpose. `hint` says what would help."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigError(ForescaleError):
    """The configuration is wrong."""

    exit_code = 2


class TraceError(ForescaleError):
    """A trace cannot be used."""

    exit_code = 2


class StoreError(ForescaleError):
    """The ledger cannot be read or written."""

    exit_code = 3


class AdapterError(ForescaleError):
    """Something outside forescale failed."""

    exit_code = 4


class Throttled(AdapterError):
    """The cloud asks for fewer calls. Not a failure of the target. `after` is in seconds."""

    def __init__(self, message: str, *, after: float = 5.0, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.after = after


class Unavailable(AdapterError):
    """No answer, or not a useful one, for now."""


class Denied(AdapterError):
    """No credentials, or not enough permissions."""


class NotFound(AdapterError):
    """What was named does not exist there."""
