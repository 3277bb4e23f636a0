"""The page in headless Chromium, against real processes: submit, watch, read, see the evidence."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.house import House, house

pytestmark = [pytest.mark.browser, pytest.mark.process]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
NOTE = (
    "👩‍⚕️ 45-year-old man, moderate headache for three days, history of migraine, takes metformin 500 mg twice daily, "
    "allergic to penicillin, father had a stroke, BP 142/91, denies vomiting"
)


@pytest.fixture(scope="module")
def home() -> Iterator[House]:
    with house("redis", "api", "reaper", "worker") as started:
        yield started


@pytest.fixture(scope="module")
def chromium() -> Iterator[Page]:
    if CHROMIUM is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield browser.new_page(viewport={"width": 1280, "height": 900})
        browser.close()


@pytest.fixture
def page(chromium: Page, home: House) -> Page:
    failures: list[str] = []
    chromium.on("pageerror", lambda error: failures.append(str(error)))
    chromium.goto("about:blank")
    chromium.goto(f"http://127.0.0.1:{home.port}/#key={home.key}")
    assert failures == []
    return chromium


def submit(page: Page, text: str) -> None:
    page.get_by_label("Clinical text").fill(text)
    page.get_by_role("button", name="Submit").click()


def test_a_note_comes_back_as_facts_with_their_evidence_in_the_source(page: Page):
    submit(page, NOTE)
    fact = page.locator("#facts tr", has_text="vomiting")
    expect(fact).to_contain_text("absent", timeout=30_000)
    expect(page.locator("#facts tr", has_text="stroke")).to_contain_text("father")
    fact.hover()
    expect(page.locator("#source mark").last).to_have_text("vomiting")
    expect(page.locator("#source")).to_have_text(NOTE)
    expect(page.locator("#status")).to_have_text("completed")
    expect(page.locator("#stages li.done")).to_have_count(5)


def test_evidence_is_reached_by_keyboard_alone(page: Page):
    submit(page, NOTE)
    fact = page.locator("#facts tr", has_text="penicillin").first
    fact.wait_for(timeout=30_000)
    fact.focus()
    expect(page.locator("#source mark", has_text="penicillin")).to_be_visible()


def test_markup_in_a_note_stays_text(page: Page):
    submit(page, "<img src=x onerror=\"document.title='owned'\"> Patient has chest pain and fever for two days.")
    page.locator("#facts tr").first.wait_for(timeout=30_000)
    assert page.title() == "clinq"
    assert page.locator("#source img").count() == 0


def test_a_refused_submission_says_why(page: Page):
    submit(page, "  ")
    expect(page.get_by_role("alert")).to_have_text("Paste a text or choose a recording.")


def test_the_key_leaves_the_address_and_a_page_without_one_asks(page: Page, home: House):
    assert home.key not in page.url
    page.evaluate("sessionStorage.clear()")
    submit(page, NOTE)
    expect(page.get_by_label("API key", exact=True).and_(page.locator("input"))).to_be_visible()


def test_too_little_content_is_said_and_nothing_is_made_up(page: Page):
    submit(page, "ok")
    expect(page.locator("#status")).to_have_text("insufficient content", timeout=30_000)
    expect(page.locator("#answer")).to_be_hidden()


def test_the_page_fits_a_phone(page: Page):
    submit(page, NOTE)
    page.locator("#facts tr").first.wait_for(timeout=30_000)
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.set_viewport_size({"width": 1280, "height": 900})
