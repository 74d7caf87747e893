"""What an administrator says: users and their keys and tokens, roles and what they may do.

A user made here has the roles that were granted to it, and a role made here may do what it was granted. Users and roles that the server
was started with, or that just appear, may do everything; so does whoever says these statements.
"""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from sqlglot import Expr, exp

from emulators.snowflake.logins import KEY_PROPERTIES, Logins
from emulators.snowflake.refusals import Refusal, insufficient_privileges, not_authorized

SUCCESS = "SELECT 'Statement executed successfully.' AS \"status\""
_COMMENT = re.compile(r"--[^\n]*")
_OPTION = re.compile(r"(\w+)\s*=\s*(?:'((?:[^']|'')*)'|(\S+))")
_KEYS = "|".join(sorted(KEY_PROPERTIES, reverse=True))


class Administration:
    """The users and roles of an account.

    Args:
        logins: who can log in how; changed by what is said here.
    """

    def __init__(self, logins: Logins) -> None:
        self._logins = logins
        self._roles_of: dict[str, set[str]] = {}
        self._granted: dict[str, set[tuple[str, str]]] = {}

    def carry_out(self, sql: str, role: str | None) -> str | None:
        """Does what a statement says, for somebody in a role.

        Returns:
            the query whose result is its answer; None if it is none of these statements.

        Raises:
            Refusal: 2003, it names a user or role that was not made; 3001, the role may not say it.
        """
        text = " ".join(_COMMENT.sub("", sql).strip().rstrip(";").split())
        for pattern, verb in _VERBS.items():
            if found := re.fullmatch(pattern, text, re.IGNORECASE):
                if role in self._granted:
                    raise insufficient_privileges()
                return verb(self, **found.groupdict()) or SUCCESS
        return None

    def has_role(self, user: str, role: str) -> bool:
        return user not in self._roles_of or role in self._roles_of[user]

    def may_use(self, role: str | None, kind: str, name: str) -> bool:
        """Whether a role has USAGE on a WAREHOUSE, DATABASE or SCHEMA."""
        return self._may(role, f"USAGE ON {kind}", name)

    def check(self, role: str | None, statement: Expr, database: str | None, schema: str | None) -> None:
        """Whether a role may read all tables of a statement; names without a database or schema are looked up in the given ones.

        Raises:
            Refusal: 2003, it may not, or there is no such table; which of the two, it does not tell. 3001, it is no query.
        """
        if role not in self._granted or isinstance(statement, exp.Use):
            return
        if not isinstance(statement, exp.Query) and statement.find(exp.Table):
            raise insufficient_privileges()
        defined = {cte.alias.upper() for cte in statement.find_all(exp.CTE)}
        for table in statement.find_all(exp.Table):
            if not isinstance(table.this, exp.Identifier) or (not table.db and table.name.upper() in defined):
                continue
            place = (table.catalog or database or "").upper(), (table.db or schema or "").upper()
            needed = (
                ("Database", "USAGE ON DATABASE", place[:1]),
                ("Schema", "USAGE ON SCHEMA", place),
                ("Object", "SELECT ON TABLE", (*place, table.name.upper())),
            )
            for kind, privilege, path in needed:
                if not self._may(role, privilege, ".".join(path)):
                    raise not_authorized(kind, ".".join(path))

    def _may(self, role: str | None, privilege: str, name: str) -> bool:
        return role not in self._granted or (privilege, name.upper()) in self._granted[role]

    def _known(self, kind: str, name: str, names: Mapping[str, Any]) -> str:
        if _upper(name) not in names:
            raise not_authorized(kind, _upper(name))
        return _upper(name)

    def _create_role(self, role: str) -> None:
        self._granted.setdefault(_upper(role), set())

    def _create_user(self, user: str, options: str | None) -> None:
        name = _upper(user)
        self._roles_of.setdefault(name, set())
        given = {option.upper(): quoted or plain for option, quoted, plain in _OPTION.findall(options or "")}
        if "PASSWORD" in given:
            self._logins.passwords[name] = given["PASSWORD"]

    def _grant_role(self, role: str, user: str) -> None:
        self._roles_of[self._known("User", user, self._roles_of)].add(self._known("Role", role, self._granted))

    def _grant(self, privilege: str, kind: str, name: str, role: str) -> None:
        on = "TABLE" if kind.upper() == "VIEW" else kind.upper()
        self._granted[self._known("Role", role, self._granted)].add((f"{privilege.upper()} ON {on}", _upper(name)))

    def _set_key(self, user: str, slot: str, key: str) -> None:
        try:
            parsed = load_der_public_key(base64.b64decode("".join(key.split())))
        except ValueError:
            parsed = None
        if not isinstance(parsed, RSAPublicKey):
            raise Refusal(390000, "42601", "New public key rejected by current policy. Reason: 'Invalid public key'.")
        self._logins.public_keys.setdefault(self._known("User", user, self._roles_of), {})[slot.upper()] = parsed

    def _unset_key(self, user: str, slot: str) -> None:
        self._logins.public_keys.get(self._known("User", user, self._roles_of), {}).pop(slot.upper(), None)

    def _add_token(self, user: str, name: str) -> str:
        token = secrets.token_urlsafe(32)
        self._logins.access_tokens[self._known("User", user, self._roles_of)] = token
        return f"SELECT '{_upper(name)}' AS \"token_name\", '{token}' AS \"token_secret\""


_VERBS: dict[str, Callable[..., str | None]] = {
    r"CREATE ROLE (?P<role>\S+)": Administration._create_role,
    r"CREATE USER (?P<user>\S+)(?P<options> .*)?": Administration._create_user,
    r"GRANT ROLE (?P<role>\S+) TO USER (?P<user>\S+)": Administration._grant_role,
    r"GRANT (?P<privilege>USAGE|SELECT) ON (?P<kind>WAREHOUSE|DATABASE|SCHEMA|TABLE|VIEW) (?P<name>\S+) TO ROLE (?P<role>\S+)": (
        Administration._grant
    ),
    rf"ALTER USER (?P<user>\S+) SET (?P<slot>{_KEYS}) = '(?P<key>[^']*)'": Administration._set_key,
    rf"ALTER USER (?P<user>\S+) UNSET (?P<slot>{_KEYS})": Administration._unset_key,
    r"ALTER USER (?P<user>\S+) ADD PROGRAMMATIC ACCESS TOKEN (?P<name>\S+)(?: .*)?": Administration._add_token,
}


def _upper(name: str) -> str:
    return name.replace('"', "").upper()
