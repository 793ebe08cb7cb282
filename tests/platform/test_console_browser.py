"""The console in a browser without a screen, on a desk and on a phone. NOTECHONDRIA_SCREENSHOTS names a folder for pictures."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from api.app import Door, area_routes
from reactors.jobs import do_jobs
from settings import Settings
from tests.accounts.people import PASSWORD, Person, make_person
from tests.door.serving import serving
from wiring import Services, build_services

CHROMIUM = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

DESK: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
PAGES = ("", "accounts", "invitations", "courses", "events", "projections", "feeds", "mails")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def address(services: Services) -> Iterator[str]:
    with serving(Door(services, area_routes())) as client:
        yield str(client.base_url).rstrip("/")


@pytest.fixture
def staff(address: str, services: Services) -> Person:
    return make_person(services, staff=True)


@pytest.fixture(params=[DESK, PHONE], ids=["desk", "phone"])
def page(request: pytest.FixtureRequest, browser: Browser, address: str, staff: Person) -> Iterator[Page]:
    """Signed in; every complaint of the browser, such as about the policy, fails the test."""
    context = browser.new_context(viewport=request.param, base_url=address)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto("/admin/")
    page.get_by_label("Name or address").fill(staff.username)
    page.get_by_label("Password").fill(PASSWORD)
    _picture(page, "login")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/admin/")
    yield page
    context.close()
    assert not complaints


def _picture(page: Page, name: str) -> None:
    folder = os.environ.get("NOTECHONDRIA_SCREENSHOTS")
    if folder:
        width = page.viewport_size["width"] if page.viewport_size else 0
        page.screenshot(path=Path(folder) / f"{name}-{width}.png", full_page=True)


def _overflows(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


def test_every_page_fits_the_screen(page: Page, services: Services) -> None:
    for name in PAGES:
        page.goto(f"/admin/{name}")
        page.get_by_role("heading", level=1).wait_for()
        assert not _overflows(page), name
        # Every page can be reached from every page without knowing that a row of links can be pushed aside.
        for link in page.locator("nav a").all():
            box = link.bounding_box()
            assert box is not None
            assert page.viewport_size is not None
            assert box["x"] + box["width"] <= page.viewport_size["width"], name
        _picture(page, name or "overview")
        for button in page.get_by_role("button").all():
            box = button.bounding_box()
            assert box is None or box["height"] >= 40, name


def test_an_account_is_shut_with_a_reason(page: Page, services: Services) -> None:
    victim = make_person(services)
    page.goto("/admin/accounts")
    page.get_by_role("searchbox").fill(victim.username)
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name=victim.username).click()
    page.get_by_role("button", name="Disable").click()
    # The browser itself asks for the reason.
    assert page.get_by_text("Disabled, and signed out").count() == 0
    page.get_by_label("Reason").first.fill("Sends spam.")
    page.get_by_role("button", name="Disable").click()
    page.get_by_text("Disabled, and signed out everywhere.").wait_for()
    _picture(page, "account")
    assert not _overflows(page)
    page.get_by_role("link", name="history").click()
    page.get_by_text("AccountDisabled").wait_for()
    page.get_by_role("link", name="one before").click()
    page.get_by_text("As of version").wait_for()
    assert '"state": "active"' in page.locator("pre").first.inner_text()
    _picture(page, "stream")
    page.get_by_role("row").nth(1).get_by_role("link").nth(1).click()
    page.get_by_role("heading", name="Causation").wait_for()
    _picture(page, "event")
    assert not _overflows(page)


def test_progress_of_a_rebuild_arrives_without_reloading(page: Page, prepared: Settings) -> None:
    page.goto("/admin/projections")
    page.get_by_label("What").select_option("rebuild")
    page.get_by_label("Reason").first.fill("A drill.")
    page.get_by_role("button", name="Ask for it").click()
    job = page.locator("#" + page.url.partition("#")[2])
    job.get_by_text("waiting").wait_for()
    background = build_services(prepared)
    background.thread_pool.open()
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.1):
            do_jobs(background)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        job.get_by_text("writers waited").wait_for(timeout=60_000)
    finally:
        stop.set()
        worker.join()
        background.log.close()
        background.thread_pool.close()
    _picture(page, "rebuilt")
