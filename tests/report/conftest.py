"""A headless Chromium, where there is one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.made_run import HOSTILE, Made, make_run

from truthmap.records import Site
from truthmap.report.build import write_report

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-dev-shm-usage",
    "--window-size=1280,1000",
)


@pytest.fixture(scope="session")
def chrome() -> Iterator[Chrome]:
    """Return a browser that writes down what pages print and request."""
    binary, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if binary is None or driver is None:
        pytest.skip("needs Debian's chromium and chromium-driver")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    for flag in _FLAGS:
        options.add_argument(flag)
    options.binary_location = binary
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(driver))
    browser.set_script_timeout(20)
    yield browser
    browser.quit()


@pytest.fixture(scope="session")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the report of a made run with hostile texts, two sites and every control."""
    run = make_run(
        tmp_path_factory.mktemp("made") / "run",
        Made(n=200, layers=8, sites=(Site.RESIDUAL, Site.MLP), texts=HOSTILE),
    )
    return write_report(run)


def requests_of(chrome: Chrome) -> set[str]:
    """Return the addresses that were requested since the last call, those within the page left out."""
    events: list[dict[str, Any]] = [json.loads(entry["message"])["message"] for entry in chrome.get_log("performance")]
    urls = (e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent")
    return {url for url in urls if not url.startswith("data:")}
