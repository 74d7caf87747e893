"""The failures that routes may answer with, for the API's document."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, Field


class ErrorItem(BaseModel):
    """One thing that is wrong."""

    message: str = Field(examples=["Pipeline example-pipeline is already in progress."])
    code: str = Field(description="A stable word for programs.", examples=["busy"])
    field: str | None = Field(None, description="The field at fault, if one is.")
    step: str | None = Field(default=None, description="Of a failure of the warehouse, the step at which it was seen.")
    pipeline_run_id: int | None = Field(default=None, description="The run that is in the way, if one is.")


class ErrorBody(BaseModel):
    """The answer to every request that failed."""

    statusCode: int = Field(examples=[400])  # noqa: N815 - the published name
    errors: list[ErrorItem]


class TokenErrorBody(BaseModel):
    """A failure of the token endpoint (RFC 6749 §5.2)."""

    error: str = Field(examples=["invalid_client"])
    error_description: str = Field(examples=["The client id or the client secret is wrong."])


class PlatformErrorBody(BaseModel):
    """The answer to every request below ``/v1`` that failed."""

    data: None
    dataType: None  # noqa: N815 - the published name
    errors: list[ErrorItem]


def _response(description: str) -> dict[str, Any]:
    return {"model": ErrorBody, "description": description}


Responses = dict[int | str, dict[str, Any]]

READ: Final[Responses] = {
    400: _response("The request is wrong."),
    401: _response("No valid access token came with the request."),
    403: _response("The credential's permission does not reach this."),
    404: _response("There is no such object, or it is not yours."),
    413: _response("The body is too long."),
    429: _response("This credential asks too often."),
    503: _response("The service cannot use its own database now."),
}
WRITE: Final[Responses] = READ | {400: _response("The request is wrong, or cannot be done now.")}
WRITE_WITH_WAREHOUSE: Final[Responses] = WRITE | {
    505: _response("The warehouse cannot be connected to; the item names the step that failed.")
}
