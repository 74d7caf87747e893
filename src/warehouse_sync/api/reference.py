"""``/openapi.json`` and ``/docs``: the API's document, and as one page for people: no script, nothing from elsewhere, readable by keyboard
alone.

Anybody may ask for them, so each is made once.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterable
from html import escape
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from warehouse_sync.api.documents import operations
from warehouse_sync.api.reference_schemas import cells, link_of, schema_table, type_of
from warehouse_sync.api.reference_style import STYLE

router = APIRouter(include_in_schema=False)

_DIGEST: Final = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The page may load nothing at all; its own style sheet is known by its digest."""

_HEADERS: Final = {"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer", "Cache-Control": "no-cache"}
_CODE: Final = re.compile(r"`([^`]+)`")
_BOLD: Final = re.compile(r"\*\*([^*]+)\*\*")

Json = dict[str, Any]


@router.get("/openapi.json")
async def document(request: Request) -> Response:
    return Response(await _made_once(request, "document", _compact), media_type="application/json")


@router.get("/docs")
async def reference(request: Request) -> Response:
    return Response(await _made_once(request, "reference", render), headers=_HEADERS, media_type="text/html")


def _compact(document: Json) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


async def _made_once(request: Request, name: str, make: Callable[[Json], str]) -> bytes:
    """A page as it was made for the first who asked. All others wait on the event loop: they must not take every thread there is."""
    app = request.app
    if name not in app.pages:
        async with app.page_lock:
            if name not in app.pages:
                app.pages[name] = await run_in_threadpool(lambda: make(app.openapi()).encode())
    page: bytes = app.pages[name]
    return page


def render(document: Json) -> str:
    """The whole page of an OpenAPI document that ``documents.complete`` has seen. Every text of it is escaped."""
    info = document["info"]
    title = escape(f"{info['title']} {info['version']}")
    sections = "".join(_section(document, tag) for tag in document["tags"])
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}: API reference</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head><body>'
        f'<a class="skip" href="#content">Skip to the content</a>{_contents(document)}'
        f'<main id="content"><h1>{escape(info["title"])} API</h1>{_introduction(document)}{sections}{_objects(document)}'
        "</main></body></html>"
    )


def _introduction(document: Json) -> str:
    info = document["info"]
    address = document["servers"][0]["url"]
    token_url = document["components"]["securitySchemes"]["oauth2"]["flows"]["clientCredentials"]["tokenUrl"]
    return (
        f'<p class="soft">Version {escape(info["version"])} · <a href="/openapi.json">OpenAPI document</a></p>'
        f"<p>{escape(info.get('summary', ''))}</p>{prose(info.get('description', ''))}"
        f"{cells(('', ''), [('Address', _code(address)), ('Tokens', _code(token_url))])}"
    )


def _contents(document: Json) -> str:
    parts = ['<nav aria-label="Contents"><p><strong>Contents</strong></p>']
    for tag in document["tags"]:
        found = _of_tag(document, tag["name"])
        if not found:
            continue
        links = "".join(
            f'<li><a href="#{_id(operation)}">{escape(operation["summary"])}</a></li>' for _, _, operation in found
        )
        parts.append(f"<h2>{escape(tag['name'])}</h2><ul>{links}</ul>")
    names = "".join(f"<li>{link_of(name)}</li>" for name in document["components"]["schemas"])
    return "".join([*parts, f"<h2>Objects</h2><ul>{names}</ul></nav>"])


def _of_tag(document: Json, name: str) -> list[tuple[str, str, Json]]:
    return [found for found in operations(document) if found[2].get("tags", [""])[0] == name]


def _section(document: Json, tag: Json) -> str:
    found = _of_tag(document, tag["name"])
    if not found:
        return ""
    body = "".join(_operation(path, method, operation) for path, method, operation in found)
    return f"<section><h2>{escape(tag['name'])}</h2>{prose(tag['description'])}{body}</section>"


def _operation(path: str, method: str, operation: Json) -> str:
    token = "" if operation["security"] else '<p class="soft">Needs no token.</p>'
    return (
        f'<article id="{_id(operation)}"><h3>{escape(operation["summary"])}</h3>'
        f'<div class="route"><span class="method {escape(method)}">{escape(method)}</span>{_code(path)}</div>'
        f"{prose(operation['description'])}{token}{_parameters(operation.get('parameters', ()))}"
        f"{_body(operation.get('requestBody'))}{_responses(operation['responses'])}</article>"
    )


def _parameters(parameters: Iterable[Json]) -> str:
    rows = [
        (
            _code(parameter["name"]) + (' <span class="must">required</span>' if parameter.get("required") else ""),
            f"{escape(parameter['in'])}, {type_of(parameter['schema'])}",
            f"{prose(parameter['description'])}",
            _code(parameter["example"]),
        )
        for parameter in parameters
    ]
    return f"<h4>Parameters</h4>{cells(('name', 'type', 'meaning', 'example'), rows)}" if rows else ""


def _body(body: Json | None) -> str:
    if body is None:
        return ""
    contents = list(body["content"].items())
    examples = "".join(_example(given, label) for _, content in contents[:1] for label, given in _examples(content))
    kinds = "".join(f"<p>{_code(kind)}: {type_of(content['schema'])}</p>" for kind, content in contents)
    schema = contents[0][1]["schema"]
    fields = schema_table(schema) if "properties" in schema else ""
    return f"<h4>Request body</h4>{kinds}{fields}{examples}"


def _responses(responses: Json) -> str:
    rows, good, bad = [], "", ""
    for status, response in responses.items():
        content = next(iter(response.get("content", {}).values()), None)
        shape = "no body" if content is None else type_of(content["schema"])
        names = ", ".join(_code(name) for name in response.get("headers", {}) if name != "X-Request-Id")
        mark = f'<span class="status s{escape(status[:1])}">{escape(status)}</span>'
        rows.append((mark, prose(response["description"]), shape, names))
        if content is not None:
            shown = "".join(_example(given, f"{status}: {label}") for label, given in _examples(content))
            good, bad = (good + shown, bad) if status < "3" else (good, bad + shown)
    failures = f"<details><summary>Examples of failures</summary>{bad}</details>" if bad else ""
    return f"<h4>Answers</h4>{cells(('status', 'meaning', 'body', 'headers'), rows)}{good}{failures}"


def _examples(content: Json) -> list[tuple[str, Any]]:
    """Labels and values."""
    given = [("example", content["example"])] if "example" in content else []
    return given + [(f"example of {name}", example["value"]) for name, example in content.get("examples", {}).items()]


def _example(value: Any, label: str) -> str:  # noqa: ANN401 - whatever JSON holds
    text = json.dumps(value, indent=2, ensure_ascii=False)
    pre = f'<pre tabindex="0">{escape(text)}</pre>'
    return f"<details><summary>{escape(label)}</summary>{pre}</details>"


def _objects(document: Json) -> str:
    parts = ["<section><h2>Objects</h2>"]
    for name, schema in document["components"]["schemas"].items():
        examples = "".join(_example(given, "example") for given in schema.get("examples", ()))
        parts.append(
            f'<article id="object-{escape(name)}"><h3>{escape(name)}</h3>{prose(schema.get("description", ""))}'
            f"{schema_table(schema)}{examples}</article>"
        )
    return "".join([*parts, "</section>"])


def prose(text: str) -> str:
    """Paragraphs of escaped text; `code` and **words** are the only marks that are understood."""
    paragraphs = (part for part in re.split(r"\n\s*\n", text.strip()) if part)
    return "".join(f"<p>{_marked(escape(paragraph))}</p>" for paragraph in paragraphs)


def _marked(escaped: str) -> str:
    return _BOLD.sub(r"<strong>\1</strong>", _CODE.sub(r"<code>\1</code>", escaped))


def _code(value: Any) -> str:  # noqa: ANN401 - whatever JSON holds
    text = value if isinstance(value, str) else json.dumps(value)
    return f"<code>{escape(text)}</code>"


def _id(operation: Json) -> str:
    return escape(operation["operationId"])
