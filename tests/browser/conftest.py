"""The console in a real browser: this machine's Chromium, by Playwright. `make test-browser` runs these, `make test` does not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.fixtures.duckdb_shop import make_shop
from tests.fixtures.service import Access, RunningService, prepare_home, running_service

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

WANTED = "WHSYNC_TEST_BROWSER"
PICTURES = "WHSYNC_TEST_PICTURES"
_QUIET = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")
_QUIET = (*_QUIET, "--disable-component-update", "--disable-sync")


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    del collection_path
    return None if WANTED in os.environ else True


@dataclass(frozen=True, slots=True)
class Stage:
    """A service with a console, and a folder of warehouses with a shop."""

    service: RunningService
    access: Access
    warehouses: Path


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("console")
    make_shop(folder / "warehouses", rows=5000)
    access = prepare_home(folder / "home")
    with running_service(folder / "home", access, duckdb_root=str(folder / "warehouses"), console="true") as service:
        yield Stage(service, access, folder / "warehouses")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert chromium, "These tests need Chromium on the PATH; on Debian: apt-get install chromium."
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=list(_QUIET))
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a viewer in Berlin; a script's error, or a request that leaves the service, fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 860}, timezone_id="Europe/Berlin")
    opened = context.new_page()
    opened.set_default_timeout(20_000)
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("request", lambda request: faults.append(request.url) if not _is_ours(request.url) else None)
    opened.on("dialog", lambda dialog: faults.append(f"a script ran: {dialog.message}"))
    yield opened
    context.close()
    assert faults == []


def _is_ours(url: str) -> bool:
    return url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:"))


@pytest.fixture
def signed_in(page: Page, stage: Stage) -> Page:
    sign_in(page, stage)
    return page


def sign_in(page: Page, stage: Stage) -> None:
    page.goto(f"{stage.service.url}/console/")
    page.fill("[name=client_id]", stage.access.client_id)
    page.fill("[name=client_secret]", stage.access.client_secret)
    page.click("button[type=submit]")
    page.wait_for_url("**/console/")
    page.locator('body[data-zone="Europe/Berlin"]').wait_for()  # the page is shown again in the viewer's zone
    page.get_by_text("Sign out").wait_for()


def picture(page: Page, name: str) -> None:
    """A picture for the documentation, if they are wanted."""
    folder = os.environ.get(PICTURES)
    if folder:
        page.wait_for_timeout(600)  # charts move in
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(Path(folder) / f"{name}.png"))


def fill(page: Page, label: str, text: str) -> None:
    page.get_by_label(label, exact=True).fill(text)


def choose(page: Page, label: str, option: str) -> Any:
    page.get_by_label(label, exact=True).click()
    page.get_by_role("option", name=option, exact=True).click()
