"""The page in headless Chromium, against real processes: submit, watch, read, see the evidence."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, WebSocketRoute, expect, sync_playwright

from tests import papers
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
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser, home: House) -> Iterator[Page]:
    failures: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            failures.append(message.text)

    made = chromium.new_page(viewport={"width": 1280, "height": 900})
    made.on("pageerror", lambda error: failures.append(str(error)))
    made.on("console", listen)
    made.goto(f"http://127.0.0.1:{home.port}/#key={home.key}")
    yield made
    made.close()
    assert failures == []


@pytest.fixture
def nobody_works(home: House) -> Iterator[None]:
    home.kill("worker")
    yield
    home.start("worker")


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


def test_a_document_comes_back_with_the_page_of_each_fact(page: Page):
    content = papers.pdf("Mr. Smith has chest pain.", "He takes metformin 500 mg twice daily.")
    page.get_by_label("or a file").set_input_files({"name": "a.pdf", "mimeType": "application/pdf", "buffer": content})
    page.get_by_role("button", name="Submit").click()
    fact = page.locator("#facts tr", has_text="metformin")
    expect(fact).to_contain_text("page 2", timeout=30_000)
    expect(page.locator("#patient")).to_contain_text("document of 2 pages")
    fact.hover()
    expect(page.locator("#source .turn", has_text="page 2").locator("mark", has_text="metformin")).to_be_visible()
    expect(page.locator("#audio")).to_be_hidden()


def test_evidence_is_reached_by_keyboard_alone(page: Page):
    submit(page, NOTE)
    fact = page.locator("#facts tr", has_text="penicillin").first
    fact.wait_for(timeout=30_000)
    page.get_by_role("region", name="Source text").focus()
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.locator(":focus").inner_text() == "penicillin":
            break
    expect(page.locator("#source mark", has_text="penicillin")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator("#evidence")).to_contain_text("penicillin")


def test_markup_in_a_note_stays_text(page: Page):
    submit(page, "<img src=x onerror=\"document.title='owned'\"> Patient has chest pain and fever for two days.")
    page.locator("#facts tbody tr").first.wait_for(timeout=30_000)
    assert page.title() == "clinq"
    assert page.locator("#source img").count() == 0


def test_a_refused_submission_says_why(page: Page):
    submit(page, "  ")
    expect(page.get_by_role("alert")).to_have_text("Paste a text or choose a file.")


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
    page.locator("#facts tbody tr").first.wait_for(timeout=30_000)
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_chosen_text_file_becomes_the_text_and_a_recording_can_be_taken_back(page: Page):
    page.get_by_label("or a file").set_input_files({"name": "n.txt", "mimeType": "text/plain", "buffer": b"Cough."})
    expect(page.get_by_label("Clinical text")).to_have_value("Cough.")
    page.get_by_label("or a file").set_input_files({"name": "a.wav", "mimeType": "audio/wav", "buffer": b"RIFF"})
    expect(page.get_by_label("Clinical text")).to_be_disabled()
    page.get_by_role("button", name="Remove file").click()
    expect(page.get_by_label("Clinical text")).to_be_enabled()


def test_only_a_note_in_utf_8_goes_into_the_box_and_other_files_go_to_the_server_as_they_are(page: Page):
    for name, content in (("n.html", b"<p>Cough.</p>"), ("n.docx", b"PK\x03\x04\0"), ("n.txt", b"N\xe1useas")):
        page.get_by_label("or a file").set_input_files({"name": name, "mimeType": "text/plain", "buffer": content})
        expect(page.get_by_label("Clinical text")).to_be_disabled()
        expect(page.get_by_label("Clinical text")).to_have_value("")
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_role("alert")).to_contain_text("send UTF-8")


def test_a_wrong_key_is_said_and_asked_for_again(page: Page):
    page.evaluate("sessionStorage.setItem('key', 'clinq_wrong')")
    submit(page, NOTE)
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.locator("#message")).not_to_be_empty()
    expect(page.locator("#submit")).to_be_enabled()


@pytest.mark.usefixtures("nobody_works")
def test_a_job_that_waits_can_be_cancelled(page: Page):
    submit(page, NOTE)
    expect(page.locator("#status")).to_have_text("waits for a worker")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#status")).to_have_text("cancelled")
    expect(page.get_by_role("button", name="Submit")).to_be_enabled()


@pytest.mark.usefixtures("nobody_works")
def test_text_that_streams_is_called_a_draft_and_never_mixed_with_the_transcript(page: Page):
    def play(socket: WebSocketRoute) -> None:
        for stage, partial in (("transcribe", "Good "), ("transcribe", "morning."), ("summarize", "Well.")):
            event = {"type": "partial", "status": "running", "progress": 0.1, "append": True}
            socket.send(json.dumps(event | {"stage": stage, "partial": partial}))

    page.route_web_socket("**/ws/*", play)
    page.reload()
    submit(page, NOTE)
    expect(page.get_by_role("region", name="Transcript so far")).to_have_text("Good morning.")
    expect(page.get_by_role("region", name="Draft summary, not checked yet")).to_have_text("Well.")


def test_the_page_outlives_a_restart_of_the_server(page: Page, home: House):
    home.kill("worker")
    submit(page, NOTE)
    expect(page.locator("#status")).to_have_text("waits for a worker")
    home.kill("api")
    expect(page.get_by_role("alert")).to_have_text("The server cannot be reached.")
    home.start("api")
    home.start("worker")
    expect(page.locator("#status")).to_have_text("completed", timeout=30_000)
    expect(page.get_by_role("alert")).to_be_empty()
