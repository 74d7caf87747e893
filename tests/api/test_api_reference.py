"""The reference page as it is answered: to anybody, under a policy that lets it load nothing but its own style."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any


def test_the_page_is_answered_to_anybody_under_its_policy(plane: Any) -> None:
    del plane.client.headers["Authorization"]
    answer = plane.client.get("/docs")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    (style,) = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = answer.headers.get_list("content-security-policy")
    assert policy == [
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_it_shows_what_this_service_answers(plane: Any) -> None:
    document = plane.client.get("/openapi.json").json()
    page = plane.client.get("/docs").text
    assert document["info"]["version"] in page
    for methods in document["paths"].values():
        for operation in methods.values():
            assert f'id="{operation["operationId"]}"' in page


def test_there_is_no_other_page(plane: Any) -> None:
    for path in ("/docs/", "/docs/oauth2-redirect", "/redoc"):
        assert plane.client.get(path).status_code == 404
