"""Who may log in, and what a session finds when it has."""

from __future__ import annotations

import itertools
import secrets
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fakesnow.instance import FakeSnow

from emulators.snowflake.administration import Administration
from emulators.snowflake.engine import Engine, Settings
from emulators.snowflake.logins import CONNECTION_STATE, Logins
from emulators.snowflake.refusals import Refusal, no_such_session
from emulators.snowflake.semi_structured import Declared

MOST_SESSIONS = 256


@dataclass(frozen=True)
class Account:
    """The fixed part of the emulated account.

    Attributes:
        logins: who can log in how.
        roles, warehouses, databases: the names there are, in upper case; None: every name exists, and a database is made at
            the first log-in that names it.
    """

    logins: Logins
    roles: frozenset[str] | None = None
    warehouses: frozenset[str] | None = None
    databases: frozenset[str] | None = None


class Sessions:
    """The open sessions by token. Clients that die leave theirs open: the longest unused is closed above a limit."""

    def __init__(self, instance: FakeSnow, account: Account) -> None:
        self._instance = instance
        self._declared = Declared()
        self._account = account
        self._administration = Administration(account.logins)
        self._open: OrderedDict[str, Engine] = OrderedDict()
        self._lock = threading.Lock()
        self._connecting = threading.Lock()
        self._ids = itertools.count(1)

    def log_in(self, request: Mapping[str, Any], chosen: Mapping[str, str]) -> tuple[str, Engine]:
        """Opens a session.

        Args:
            request: ``data`` of the log-in request.
            chosen: its query parameters: databaseName, schemaName, warehouse, roleName.

        Returns:
            the session's token, and the session.

        Raises:
            Refusal: as ``Logins`` refuses, 390189 role, 390201 a default that does not exist if the client asked to have them
                checked.
        """
        user = self._account.logins.authenticated(request)
        parameters = {name.upper(): value for name, value in (request.get("SESSION_PARAMETERS") or {}).items()}
        role = _upper(chosen.get("roleName"))
        if role is not None and not (_exists(role, self._account.roles) and self._administration.has_role(user, role)):
            raise _refused_role(role)
        warehouse, database = _upper(chosen.get("warehouse")), _upper(chosen.get("databaseName"))
        if str(parameters.get("CLIENT_VALIDATE_DEFAULT_PARAMETERS")).lower() == "true":
            _check_default("warehouse", warehouse, self._account.warehouses)
            _check_default("database", database, self._account.databases)
        settings = Settings(
            session_id=next(self._ids),
            user=user,
            role=role or (min(self._account.roles) if self._account.roles else "PUBLIC"),
            warehouse=self._warehouse(role, warehouse),
            warehouses=self._account.warehouses,
            roles=self._account.roles,
            parameters=parameters,
        )
        database = database if database and _exists(database, self._account.databases) else None
        with self._connecting:  # two first log-ins must not both make the database
            connection = self._instance.connect(
                database,
                _upper(chosen.get("schemaName")) if database else None,
                autocommit=str(parameters.get("AUTOCOMMIT", True)).lower() == "true",
            )
        token, engine = (
            secrets.token_urlsafe(32),
            Engine(connection, settings, self._declared, self._cancel, self._administration),
        )
        with self._lock:
            self._open[token] = engine
            forgotten = self._open.popitem(last=False)[1] if len(self._open) > MOST_SESSIONS else None
        if forgotten is not None:
            forgotten.close()
        return token, engine

    def find(self, token: str) -> Engine:
        """The session of a token.

        Raises:
            Refusal: 390111, if it was closed or never opened.
        """
        with self._lock:
            if token not in self._open:
                raise Refusal(
                    390111, CONNECTION_STATE, "Session no longer exists.  New login required to access the service."
                )
            self._open.move_to_end(token)
            return self._open[token]

    def close(self, token: str) -> None:
        with self._lock:
            engine = self._open.pop(token, None)
        if engine is not None:
            engine.close()

    def cancel_all(self) -> None:
        with self._lock:
            engines = list(self._open.values())
        for engine in engines:
            engine.cancel()

    def _cancel(self, asking: Settings, session_id: int) -> None:
        """Stops what another session of the same user runs.

        Raises:
            Refusal: 2003, if the user has no such session.
        """
        with self._lock:
            engines = list(self._open.values())
        for engine in engines:
            if (engine.settings.session_id, engine.settings.user) == (session_id, asking.user):
                engine.cancel()
                return
        raise no_such_session(session_id)

    def _warehouse(self, role: str | None, asked: str | None) -> str | None:
        """The session's warehouse: log-in succeeds with one that does not exist or may not be used, and the first query fails."""
        if asked is None:
            return None if self._account.warehouses is not None else "EMULATED"
        may_use = self._administration.may_use(role, "WAREHOUSE", asked)
        return asked if may_use and _exists(asked, self._account.warehouses) else None


def _upper(name: str | None) -> str | None:
    return name.strip('"').upper() if name else None


def _exists(name: str, names: frozenset[str] | None) -> bool:
    return names is None or name in names


def _check_default(kind: str, name: str | None, names: frozenset[str] | None) -> None:
    if name is not None and not _exists(name, names):
        raise Refusal(390201, CONNECTION_STATE, f"The requested {kind} does not exist or not authorized.")


def _refused_role(role: str) -> Refusal:
    message = (
        f"Role '{role}' specified in the connect string does not exist or not authorized. Contact your local system "
        "administrator, or attempt to login with another role, e.g. PUBLIC."
    )
    return Refusal(390189, CONNECTION_STATE, message)
