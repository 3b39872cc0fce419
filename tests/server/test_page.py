"""The page, in a real browser: asking, reading the shaded answer, and that whatever a model says stays text."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from truthmap.detector.detector import Detector
from truthmap.server.serve_settings import ServeSettings

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="Debian's chromium and chromium-driver are not installed"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Chrome]:
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    options = ChromeOptions()
    assert CHROMIUM is not None
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=390,800"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


def ask(browser: Chrome, question: str) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    box = browser.find_element(By.ID, "question")
    box.clear()
    box.send_keys(question)
    browser.find_element(By.ID, "send").click()
    verdict = browser.find_element(By.ID, "verdict")
    WebDriverWait(browser, 15).until(
        lambda _: browser.find_element(By.ID, "send").is_enabled() and verdict.text not in ("", "…")
    )


def text_of(browser: Chrome, identifier: str) -> str:
    from selenium.webdriver.common.by import By

    return str(browser.find_element(By.ID, identifier).get_attribute("textContent"))


def test_an_answer_is_shaded_and_its_exact_answer_outlined(
    browser: Chrome, address: str, tiny_detector: Detector
) -> None:
    from selenium.webdriver.common.by import By

    question = next(
        v.question for v in tiny_detector.ask_batch([f"Which {n} is {n * 31}?" for n in range(30)]) if not v.caveats
    )
    wanted = tiny_detector.ask(question)
    assert wanted.exact_answer is not None
    assert wanted.p_wrong is not None
    browser.get(address)
    ask(browser, question)
    assert text_of(browser, "answer") == wanted.answer.text
    shaded = browser.find_elements(By.CSS_SELECTOR, "#answer [class*=wrong-]")
    exact = browser.find_element(By.CSS_SELECTOR, "#answer mark.exact")
    span = wanted.exact_answer
    assert exact.get_attribute("textContent") == wanted.answer.text[span.start : span.end]
    assert exact.value_of_css_property("outline-style") == "solid"
    assert shaded == [exact], "the only place whose number is a probability is the only one that is shaded"
    level = max(1 if wanted.trusted else 2, 1 + min(4, int(wanted.p_wrong * 5)))
    assert f"wrong-{level}" in exact.get_attribute("class")
    verdict = text_of(browser, "verdict")
    assert wanted.headline in verdict
    assert f"P(wrong) = {wanted.p_wrong:.2f}" in verdict
    assert verdict[0] in "✓✗~"  # a sign, not colour alone
    assert "Of 100 answers scored like this, about" in text_of(browser, "explanation")
    assert len(browser.find_elements(By.CSS_SELECTOR, "#scores tbody tr")) == len(wanted.tokens)


def test_an_answer_with_a_script_in_it_stays_text(
    browser: Chrome, served: Callable[..., Any], tiny_detector: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    from selenium.webdriver.common.by import By

    from truthmap.lm.model import LanguageModel

    attack = "<script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\"> France é😀."
    ids = tiny_detector.lm.encode(attack)
    monkeypatch.setattr("truthmap.detector.streaming._choose", scripted(ids))
    monkeypatch.setattr(LanguageModel, "stop_ids", frozenset({0}))
    with served(tiny_detector, ServeSettings()) as address:
        browser.get(address)
        browser.execute_script(longer(len(ids)))
        ask(browser, "Which 1 is 31?")
        assert text_of(browser, "answer") == attack
        assert browser.find_elements(By.CSS_SELECTOR, "#answer script, #answer img") == []
        assert "taken" not in browser.title
        exact = browser.find_element(By.CSS_SELECTOR, "#answer mark.exact")
        assert exact.get_attribute("textContent") == "France"


def scripted(ids: tuple[int, ...]) -> Callable[..., Any]:
    """Make the model say these ids, whatever it would rather say."""
    import torch

    def choose(running: Any, _requests: Any, answers: Any, _budget: Any) -> tuple[torch.Tensor, list[float]]:
        steps = [answers[n].n for n in running.active]
        scripted_ids = [ids[step] if step < len(ids) else 0 for step in steps]
        return torch.tensor(scripted_ids), [0.0] * len(scripted_ids)

    return choose


def longer(n_tokens: int) -> str:
    """Let the page ask for an answer of that many tokens."""
    return (
        "const send = window.fetch; window.fetch = (where, what) => send(where, what && what.body ? "
        f"{{...what, body: JSON.stringify({{...JSON.parse(what.body), max_tokens: {n_tokens + 1}}})}} : what);"
    )


def test_nothing_is_loaded_from_elsewhere(browser: Chrome, address: str) -> None:
    browser.get(address)
    ask(browser, "Which 2 is 62?")
    loaded = browser.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert loaded
    assert all(str(name).startswith(address) for name in loaded)
    complaints = [entry["message"] for entry in browser.get_log("browser")]
    assert complaints == []


def test_it_fits_a_phone(browser: Chrome, address: str) -> None:
    browser.get(address)
    ask(browser, "Which 3 is 93?")
    width, shown = browser.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert width <= shown


def test_every_field_has_a_label_and_news_is_announced(browser: Chrome, address: str) -> None:
    from selenium.webdriver.common.by import By

    browser.get(address)
    for field in browser.find_elements(By.CSS_SELECTOR, "textarea, input"):
        assert browser.find_elements(By.CSS_SELECTOR, f"label[for={field.get_attribute('id')}]")
    assert browser.find_element(By.ID, "verdict").get_attribute("role") == "status"
    assert browser.find_element(By.ID, "fault").get_attribute("role") == "alert"
    assert browser.find_element(By.TAG_NAME, "html").get_attribute("lang") == "en"


def test_with_a_key_the_page_asks_for_it(browser: Chrome, served: Callable[..., Any], tiny_detector: Detector) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    with served(tiny_detector, ServeSettings(api_key="s3cret")) as address:
        browser.get(address)
        key = browser.find_element(By.ID, "key")
        WebDriverWait(browser, 10).until(lambda _: key.is_displayed())
        assert "needs an API key" in text_of(browser, "fault")
        key.send_keys("s3cret")
        ask(browser, "Which 1 is 31?")
        assert text_of(browser, "fault") == ""
        assert text_of(browser, "answer")
