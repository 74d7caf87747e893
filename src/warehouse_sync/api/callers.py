"""What routes are given: the caller, the services, and the numbers and names in the path."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Request

from warehouse_sync.api.services import Services
from warehouse_sync.services.caller import Caller


async def _caller(request: Request) -> Caller:
    caller: Caller = request.state.caller  # set by the authentication in front of every route that is not public
    return caller


async def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


CallerIn = Annotated[Caller, Depends(_caller)]
ServicesIn = Annotated[Services, Depends(_services)]
WorkspaceId = Annotated[int, Path(alias="workspaceId", description="The workspace.", examples=[5328])]
