"""The reference page: whole, readable without script, and nothing in it but what the document says."""

from __future__ import annotations

import copy
import json
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from warehouse_sync.api.documents import operations
from warehouse_sync.api.reference import POLICY, prose, render

ROOT = Path(__file__).resolve().parents[2]
EVIL = "\"><script>alert(1)</script><img src=x onerror=alert(1)>'`<b>`"
_VOID = {"meta", "br", "img", "link", "input"}


class Page(HTMLParser):
    """What a browser would make of a page: elements, their attributes, and whether all of them are closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes += attrs
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def values(self, name: str) -> list[str]:
        return [value or "" for given, value in self.attributes if given == name]


@cache
def written() -> str:
    return (ROOT / "docs" / "openapi.json").read_text()


def document() -> dict[str, Any]:
    return dict(json.loads(written()))


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(render(document()))


def test_every_operation_and_object_is_there_and_linked(page: Page) -> None:
    ids, links = page.values("id"), page.values("href")
    assert len(ids) == len(set(ids))
    for path, _, operation in operations(document()):
        assert operation["operationId"] in ids
        assert f"#{operation['operationId']}" in links
        assert path in page.text
    assert {f"object-{name}" for name in document()["components"]["schemas"]} <= set(ids)


def test_every_link_leads_somewhere(page: Page) -> None:
    inside = {link.removeprefix("#") for link in page.values("href") if link.startswith("#")}
    assert inside <= set(page.values("id"))
    assert {link for link in page.values("href") if not link.startswith("#")} == {"/openapi.json"}


def test_nothing_is_loaded_and_nothing_is_executed(page: Page) -> None:
    assert page.open == []
    assert not page.names & {"script", "img", "link", "iframe", "object", "form", "base"}
    assert not [name for name, _ in page.attributes if name.startswith("on") or name in {"src", "style"}]
    assert "default-src 'none'" in POLICY
    assert "unsafe" not in POLICY
    style = render(document()).partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style


def test_it_can_be_used_without_a_mouse_and_on_any_screen(page: Page) -> None:
    assert "skip" in page.values("class")
    assert {"nav", "main", "h1", "h2", "h3", "th", "details", "summary"} <= page.names
    assert page.values("lang") == ["en"]
    text = render(document())
    assert "prefers-color-scheme: dark" in text
    assert ":focus-visible" in text


def _poisoned(node: Any) -> Any:
    """The document with something nasty in every text, and in every name that is shown."""
    if isinstance(node, list):
        return [_poisoned(item) for item in node]
    if isinstance(node, dict):
        return {key: _poisoned(value) for key, value in node.items()}
    return node + EVIL if isinstance(node, str) and not node.startswith("#/") else node


def test_scripts_in_texts_are_shown_and_not_run(page: Page) -> None:
    poisoned = _poisoned(copy.deepcopy(document()))
    poisoned["tags"] = [dict(tag) for tag in poisoned["tags"]]
    nasty = Page(render(poisoned))
    assert nasty.names <= page.names | {"strong", "code"}
    assert {name for name, _ in nasty.attributes} == {name for name, _ in page.attributes}
    assert "alert(1)" in "".join(nasty.text)


def test_only_two_marks_are_understood() -> None:
    assert prose("a `b<i>` **c**\n\nd") == "<p>a <code>b&lt;i&gt;</code> <strong>c</strong></p><p>d</p>"
