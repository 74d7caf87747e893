"""Who is signed in: opaque session ids in a cookie, everything else here in memory (promise S16)."""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Final

from warehouse_sync.client import WarehouseSyncClient, WorkspaceClient

COOKIE: Final = "warehouse_sync_console"
_MOST: Final = 1000


@dataclass(slots=True)
class Session:
    """One signed-in browser.

    Attributes:
        client: speaks as the credential; holds its token and no secret.
        ends: when the token ends, on the monotonic clock, in seconds.
        workspaces: what the credential reaches, as the API answers it.
        workspace_id: the one that pages are about.
        zone: the viewer's time zone, an IANA name, once the browser has told it.
        is_dark: None follows the browser.
    """

    client: WarehouseSyncClient
    ends: float
    workspaces: list[dict[str, Any]]
    workspace_id: int
    zone: str = "UTC"
    is_dark: bool | None = None
    id: str = field(default_factory=lambda: secrets.token_urlsafe(32))

    @property
    def workspace(self) -> WorkspaceClient:
        """The published API of the chosen workspace."""
        return self.client.workspace(self.workspace_id)

    def extension(self, method: str, path: str, **how: Any) -> Any:  # noqa: ANN401 - parsed JSON
        """Calls a route of our own about the chosen workspace."""
        return self.client.call(method, f"/platform/extensions/workspaces/{self.workspace_id}/{path}", **how)


class Sessions:
    """All sessions; safe for threads. A restart of the service ends them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[str, Session] = {}

    def add(self, session: Session) -> None:
        """Begins a session; the oldest ones give way when there are very many."""
        with self._lock:
            self._drop_ended()
            while len(self._found) >= _MOST:
                self._found.pop(next(iter(self._found)))
            self._found[session.id] = session

    def find(self, session_id: str | None) -> Session | None:
        """The session of a cookie, if it has not ended."""
        with self._lock:
            found = self._found.get(session_id or "")
            return found if found is not None and found.ends > time.monotonic() else None

    def end(self, session_id: str | None) -> None:
        """Ends a session; its id is worth nothing from now on."""
        with self._lock:
            self._found.pop(session_id or "", None)

    def _drop_ended(self) -> None:
        now = time.monotonic()
        self._found = {key: session for key, session in self._found.items() if session.ends > now}
