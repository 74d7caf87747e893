"""What the API's document says of routes beyond their one-line summaries, where the route itself says no more."""

from __future__ import annotations

from typing import Final

DESCRIPTIONS: Final = {
    "health": "For load balancers and supervisors; needs no token and takes milliseconds.",
    "metrics": "Text format 0.0.4. Only for credentials for all workspaces, since the numbers are about all of them.",
    "jwks": "Whoever wants to check our tokens without asking us finds the keys here.",
    "openid_configuration": "OAuth clients that look up the token's address by themselves start here.",
    "list_connections": "All of the workspace, or those of one type of warehouse. Secrets are twelve asterisks.",
    "get_connection": "Secrets are twelve asterisks.",
    "delete_connection": "Refused with 400 while pipelines use it; the message names them.",
    "list_data_models": "All of the workspace.",
    "get_data_model": "One data model, as it is stored.",
    "create_data_model": "The query is checked, not run: no warehouse is asked before a pipeline joins it to a connection. `warnings` tell "
    "what will probably go wrong.",
    "replace_data_model": "Replaces everything. Its pipelines are probed again when they run next.",
    "delete_data_model": "Refused with 400 while pipelines use it; the message names them. What it wrote to profiles stays.",
    "list_pipelines": "All of the workspace, with their state and next intervals.",
    "get_pipeline": "One pipeline, with its state and next intervals.",
    "delete_pipeline": "Its unfinished run is cancelled: it stops within seconds, after its last committed chunk. What it wrote to "
    "profiles stays.",
    "trigger_run": "There is no body. The run reads from the end of the last successful run, at first from `schedule_start_time`, to now. "
    "Refused with 400 while a run is unfinished.",
    "get_status": "Its flags, its latest run by logical date, how far it has read and what comes next.",
    "list_runs": "The latest logical date first. A page with fewer items than `pageSize` is the last.",
    "get_run": "Its interval, its counts, the SQL it sent, and the rows it refused with the reason.",
    "resolve_profile": "By any identity that is unique in the workspace; by another if one profile alone holds it.",
    "get_profile": "Only the parts that `fields` names are answered.",
    "get_profile_by_post": "The same, for clients that send POST without a body.",
    "list_workspaces": "Those that your credential reaches.",
    "list_feeds": "All of the workspace, without their keys.",
    "get_feed": "One feed, without its key and secret.",
    "list_credentials": "Without their secrets.",
    "create_credential": "The answer holds the client's secret; it cannot be read again.",
    "get_credential": "Without its secret.",
    "delete_credential": "Its tokens stop working at once.",
    "activate_credential": "Undoes switching it off. Tokens that have not run out work again.",
    "list_workspace_audit": "The latest entry first. Nothing can be changed or removed.",
    "list_audit": "Of all workspaces and of none; for credentials that reach all workspaces.",
    "get_identity_settings": "The rules in full, whether they were chosen or are the defaults.",
    "replace_identity_settings": "What is left out takes the strategy's preset. Acts on rows that are applied from now on.",
}
"""By the short name of the operation."""
