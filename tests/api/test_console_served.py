"""The console of the real service, as far as no browser is needed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.fixtures.service import Access, RunningService, prepare_home, running_service


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningService, Access]]:
    home: Path = tmp_path_factory.mktemp("console") / "home"
    access = prepare_home(home)
    with running_service(home, access, console="true") as service:
        yield service, access


def test_signing_in_gives_a_cookie_and_a_page_that_holds_no_secret(served: tuple[RunningService, Access]) -> None:
    service, access = served
    with httpx.Client(base_url=service.url, follow_redirects=True) as browser:
        wrong = browser.post("/console/session", data={"client_id": access.client_id, "client_secret": "no"})
        assert wrong.status_code == 401
        assert 'role="alert"' in wrong.text
        form = {"client_id": access.client_id, "client_secret": access.client_secret}
        page = browser.post("/console/session", data=form)
        assert page.url.path == "/console/"
        assert "Warehouse Sync" in page.text
        assert access.client_secret not in page.text
        assert "https://" not in page.text.replace("http://www.w3.org", "")  # nothing is loaded from elsewhere


def test_the_api_beside_it_still_wants_its_token(served: tuple[RunningService, Access]) -> None:
    service, _ = served
    assert httpx.get(f"{service.url}/v1/workspace").status_code == 401
    assert httpx.get(f"{service.url}/platform/extensions/credentials").status_code == 401


def test_what_is_typed_comes_back_as_text(served: tuple[RunningService, Access]) -> None:
    service, _ = served
    form = {"client_id": '"><script>alert(1)</script>', "client_secret": "x"}
    answer = httpx.post(f"{service.url}/console/session", data=form)
    assert "<script>" not in answer.text


def test_a_service_without_a_console_has_none(tmp_path: Path) -> None:
    access = prepare_home(tmp_path / "home")
    with running_service(tmp_path / "home", access) as service:
        assert httpx.get(f"{service.url}/console/sign-in").status_code == 401
