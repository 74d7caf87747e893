"""Every error this product raises, and what each asks its reader to do.

    WarehouseSyncError
    ├── RequestError              the caller must change the request
    │   ├── InvalidRequest        a field or the body is wrong
    │   │   └── SqlRefused        the customer's SQL is not one read-only query
    │   ├── NotFound              no such thing, or not yours
    │   ├── Busy                  not now: a run is in progress
    │   ├── InUse                 something else still refers to it
    │   └── LimitExceeded         a published or configured limit is reached
    ├── AccessError               the caller must show who they are, or may not do this
    │   ├── Unauthenticated
    │   └── Forbidden
    ├── WarehouseError            the customer's warehouse refused or did not answer
    ├── RunError                  the verdict on a run that cannot succeed as it is
    ├── LeaseLostError                 another holder has this run; stop, it is not a failure
    ├── StoreError                a store of ours cannot be used as it is
    │   └── RowsForgottenError    what a run compares its rows with is gone; start over without it
    └── SettingsError             the operator must change a setting

An error carries facts: a stable ``code``, a sentence that names the problem and the remedy, and where it applies the ``field``.
No message ever holds a secret or a value the caller did not send. HTTP status codes belong to ``api/errors.py`` alone.
"""

from __future__ import annotations

from enum import StrEnum


class WarehouseSyncError(Exception):
    """The root of all errors of this product.

    Attributes:
        code: a stable word for programs, listed in the documentation.
        message: one or two sentences for people: the problem and the remedy.
        field: the request field or setting at fault, if one is.
    """

    code: str = "error"

    def __init__(self, message: str, *, field: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        if code is not None:
            self.code = code


class RequestError(WarehouseSyncError):
    """The request cannot be done as it stands; sending it again unchanged will not help."""

    code = "invalid_request"


class InvalidRequest(RequestError):
    """A field or the whole body is wrong."""


class SqlRefused(InvalidRequest):
    """The customer's SQL is not exactly one read-only query that we can rebuild."""

    code = "sql_refused"


class NotFound(RequestError):
    """The object does not exist, or lies outside the caller's workspaces: the two look the same."""

    code = "not_found"


class Busy(RequestError):
    """The object has work in progress; try again when it has finished.

    Attributes:
        run_id: the run that is in progress, if it is one.
    """

    code = "busy"

    def __init__(self, message: str, *, run_id: int | None = None) -> None:
        super().__init__(message)
        self.run_id = run_id


class InUse(RequestError):
    """Other objects still refer to this one; the message names them."""

    code = "in_use"


class LimitExceeded(RequestError):
    """A limit of the service would be passed; the message names it and its value."""

    code = "limit_exceeded"


class AccessError(WarehouseSyncError):
    """The caller is unknown or may not do this."""

    code = "access_denied"


class Unauthenticated(AccessError):
    """No valid proof of identity came with the request."""

    code = "invalid_token"


class Forbidden(AccessError):
    """The caller is known but its permission does not reach this."""

    code = "insufficient_scope"


class WarehouseFault(StrEnum):
    """What went wrong with a warehouse; each adapter maps its driver's codes to one of these."""

    UNREACHABLE = "unreachable"  # no connection could be made
    DROPPED = "dropped"  # the connection was lost in the middle
    TIMED_OUT = "timed_out"  # a limit of ours passed before the answer
    CREDENTIALS = "credentials"  # log-in refused
    PERMISSION = "permission"  # logged in, but a privilege is missing
    QUERY = "query"  # the warehouse refused the SQL text
    EGRESS_DENIED = "egress_denied"  # the operator's policy forbids this address
    DRIVER_MISSING = "driver_missing"  # the Python driver is not installed
    MISCONFIGURED = "misconfigured"  # a parameter names something that does not exist
    PROTOCOL = "protocol"  # the answer broke the protocol, e.g. truncated or changed type


class WarehouseStep(StrEnum):
    """The step of a warehouse conversation during which a fault was seen, in order."""

    CONFIGURE = "configure"
    RESOLVE = "resolve"
    REACH = "reach"
    TLS = "tls"
    LOGIN = "login"
    ROLE = "role"
    WAREHOUSE = "warehouse"
    DATABASE = "database"
    QUERY = "query"
    FETCH = "fetch"


TRANSIENT_FAULTS = frozenset(
    {WarehouseFault.UNREACHABLE, WarehouseFault.DROPPED, WarehouseFault.TIMED_OUT, WarehouseFault.PROTOCOL}
)


class WarehouseError(WarehouseSyncError):
    """The customer's warehouse refused or did not answer.

    Attributes:
        fault: the kind of fault; also ``code``, prefixed ``warehouse_``.
        step: where in the conversation it was seen.
        transient: whether trying again later may help without anybody acting.
    """

    def __init__(self, message: str, *, fault: WarehouseFault, step: WarehouseStep, field: str | None = None) -> None:
        super().__init__(message, field=field, code=f"warehouse_{fault.value}")
        self.fault = fault
        self.step = step

    @property
    def transient(self) -> bool:
        return self.fault in TRANSIENT_FAULTS


class RunError(WarehouseSyncError):
    """A run cannot succeed as things are; ``code`` says who must act.

    Attributes:
        transient: whether trying again later may help without anybody acting.
    """

    code = "run_failed"

    def __init__(self, message: str, *, code: str, transient: bool = False, field: str | None = None) -> None:
        super().__init__(message, code=code, field=field)
        self.transient = transient


class LeaseLostError(WarehouseSyncError):
    """A newer holder owns the run. The one who sees this stops at once; the run itself goes on elsewhere."""

    code = "lease_lost"


class StoreError(WarehouseSyncError):
    """One of our own stores cannot be opened or used; the message says why and what to do."""

    code = "store_unusable"


class RowsForgottenError(StoreError):
    """What the run before has remembered of its rows was forgotten while a run compared with it. The run starts over and does without."""


class SettingsError(WarehouseSyncError):
    """A setting is unknown or has a value that cannot be used. Names the setting, never its value."""

    code = "invalid_setting"
