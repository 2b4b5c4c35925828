"""The page of `explain` in a real browser: stepped through, and looked at as its reader would.

Where there is no chromium the tests are skipped, unless CI is set: there it must be.
"""

import os
import re
import shutil

import numpy as np
import pytest

from autodiff_compiler.cli.loading import load_function
from autodiff_compiler.explain.page import page
from autodiff_compiler.explain.running import run_on_record
from autodiff_compiler.explain.sections import Options, Sections
from samples.cholesky_logdet import logdet, positive_definite
from samples.neuron import loss
from samples.neuron_line import line
from samples.newton_while import eccentric_anomaly

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="module")
def browser():
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    reason = "no chromium on the path" if found is None else ""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        reason = "playwright is not installed"
    if reason:
        if os.environ.get("CI"):
            pytest.fail(f"{reason}: the pages cannot be tested")
        pytest.skip(reason)
    # Chromium's sandbox does not run as root.
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    arguments = ["--no-sandbox"] if root else []
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=found, args=arguments)
        yield chromium
        chromium.close()


class Shown:
    """A page that is open, with everything that it asked for and complained of."""

    def __init__(self, browser, file):
        self.page = browser.new_page(viewport={"width": 1280, "height": 800})
        self.requests, self.complaints = [], []
        self.page.on("request", lambda r: self.requests.append(r.url))
        self.page.on("console", lambda m: self.complaints.append(m.text))
        self.page.on("pageerror", lambda e: self.complaints.append(str(e)))
        self.page.on("dialog", lambda d: (self.complaints.append(d.message), d.dismiss()))
        self.address = file.as_uri()
        self.page.goto(self.address)

    def press(self, key, times=1):
        for _ in range(times):
            self.page.keyboard.press(key)

    @property
    def detail(self):
        return self.page.inner_text("#detail")

    @property
    def count(self):
        return int(self.page.inner_text("#position").rsplit(" ", 1)[1])

    def numbers(self, way):
        """The numbers on the graph now: values ("forward") or adjoints ("backward")."""
        texts = self.page.locator(f"#graph text.number.{way}").all_text_contents()
        return [text for text in texts if text]

    def lit(self, pane):
        return [row.strip() for row in self.page.locator(f"#{pane} .lit").all_text_contents()]

    def until(self, text):
        """Steps on until the page says so."""
        for _ in range(self.count):
            if text in self.detail:
                return
            self.press("ArrowRight")
        raise AssertionError(f"no step says {text!r}; the last one: {self.detail}")


@pytest.fixture
def shown(browser, tmp_path):
    opened = []

    def show(function, args, argnums, name="explained.html", place="file.py"):
        explained = run_on_record(function, args, {}, argnums)
        file = tmp_path / name
        file.write_text(page(Sections(explained, Options()), place), "utf-8")
        opened.append(Shown(browser, file))
        return opened[-1]

    yield show
    for one in opened:
        one.page.close()
        assert one.complaints == []
        assert one.requests == [one.address]


def test_a_line_at_30_40_50(shown):
    seen = shown(line, (30.0, 40.0, 50.0), (1, 2))
    assert "w\t40\tyes\tyes" in seen.detail and "x\t30\tyes\tno" in seen.detail
    assert seen.numbers("forward") == ["30", "40", "50"]
    assert seen.lit("source") == []

    seen.press("ArrowRight", 2)
    assert "z = t1 + b = 1250" in seen.detail and "z\t1250\tno\tyes" in seen.detail
    assert seen.numbers("forward") == ["30", "40", "50", "1200", "1250"]
    assert seen.numbers("backward") == []
    assert seen.lit("source") == ["10    z = w * x + b"]
    assert any("z = w * x + b" in row for row in seen.lit("generated"))
    assert seen.page.locator("#graph .node.now").get_attribute("data-value") == "z"

    seen.press("ArrowRight")
    assert "dz/dz = 1" in seen.detail and seen.numbers("backward") == ["∂ 1"]
    seen.press("ArrowRight", 2)
    assert "dt1/dw = x = 30" in seen.detail and "dz/dw = 1 * 30 = 30" in seen.detail
    assert sorted(seen.numbers("backward")) == ["∂ 1", "∂ 1", "∂ 1", "∂ 30"]
    assert seen.lit("source") == ["10    z = w * x + b"]

    seen.press("ArrowRight")
    assert "40 - 0.1 * 30 = 37" in seen.detail and "50 - 0.1 * 1 = 49.9" in seen.detail
    assert seen.page.locator("#next").is_disabled()


def test_back_and_forth_by_keys_and_buttons(shown):
    seen = shown(loss, (0.6, -0.3, 1.5, 1.0), (0, 1))
    first = seen.detail
    there = []
    for _ in range(seen.count - 1):
        seen.page.click("#next")
        there.append((seen.detail, seen.numbers("forward"), seen.numbers("backward")))
    assert "dL/dw = dL/dy_hat * dy_hat/dz * dz/dw" in seen.detail
    back = []
    for _ in range(seen.count - 1):
        back.append((seen.detail, seen.numbers("forward"), seen.numbers("backward")))
        seen.press("ArrowLeft")
    assert back == there[::-1] and seen.detail == first
    seen.press("End")
    assert seen.detail == there[-1][0]
    seen.page.click("#first")
    assert seen.detail == first


def test_both_texts_are_lit_on_both_ways(shown):
    seen = shown(loss, (0.6, -0.3, 1.5, 1.0), (0, 1))
    seen.until("y_hat = 1.0 / t4")
    assert seen.lit("source") == ["18    y_hat = 1.0 / (1.0 + np.exp(-z))"]
    forward = seen.lit("generated")
    assert any(row.startswith("y_hat =") for row in forward)
    seen.until("dL/dy_hat = ")
    seen.until("dy_hat/dt4")
    assert seen.lit("source") == ["18    y_hat = 1.0 / (1.0 + np.exp(-z))"]
    backward = seen.lit("generated")
    assert any(row.startswith("d_z =") for row in backward) and not set(backward) & set(forward)


def test_the_two_ways_have_two_colours(shown):
    seen = shown(loss, (0.6, -0.3, 1.5, 1.0), (0, 1))
    fill = "getComputedStyle(document.querySelector('#graph .node.now rect')).fill"
    row = "getComputedStyle(document.querySelector('#source .lit')).backgroundColor"
    colours = []
    for text in ("t4 = 1.0 + t3", "dt4/dt3"):
        seen.until(text)
        colours.append(seen.page.evaluate(f"[{fill}, {row}]"))
    (red, _, blue), (back_red, _, back_blue) = (
        [int(c) for c in re.findall(r"\d+", pair[0])] for pair in colours
    )
    assert blue > red and back_red > back_blue
    assert colours[0][1] != colours[1][1]


def test_a_while_is_folded_and_unfolds(shown):
    seen = shown(eccentric_anomaly, (0.8, 0.6), (0, 1))
    folded = seen.count
    seen.until("6 trips")
    assert "-0.739573" in seen.detail and seen.lit("source") == ["19    while abs(step) > 1e-12:"]
    seen.page.select_option("#loops select", "2")
    assert seen.count > folded + 15
    seen.page.locator("#title").click()
    seen.until("trip 2 of 6")
    seen.until("step#2 = t5 / t8")
    assert "0.142535" in seen.detail
    seen.page.select_option("#loops select", "6")
    seen.until("step#6 = t5 / t8")
    seen.page.select_option("#loops select", "0")
    assert seen.count == folded
    seen.press("Home")
    seen.until("6 trips")
    seen.press("Enter")
    assert "trip 1 of 6" in seen.detail


def test_the_sums_of_adjoints_end_as_the_gradient(shown):
    seen = shown(eccentric_anomaly, (0.8, 0.6), (0, 1))
    for trip in ("0", "1", "4"):
        seen.page.select_option("#loops select", trip)
        seen.press("End")
        # dE/dM and dE/de, by the samples' own reckoning 1.12075 and 1.10253.
        assert seen.numbers("backward").count("∂ 1.121") >= 1
        assert "∂ 1.103" in seen.numbers("backward")


def test_loops_within_loops(shown):
    seen = shown(logdet, (positive_definite(4),), (0,))
    seen.page.select_option("select[data-loop=loop0]", "3")
    seen.page.select_option("select[data-loop=loop1]", "2")
    seen.page.locator("#title").click()
    seen.until("trip 2 of 2, j = 1")
    seen.until("t8 = t6 / t7")
    assert "[26" not in seen.detail and seen.lit("source") == ["26            L[i, j] /= L[j, j]"]
    seen.press("End")
    assert "norm" in seen.detail


HOSTILE = """\
import numpy as np


def f(x, mode="</script><script>document.title='taken'</script>"):
    y = x * len("</script><img src=http://127.0.0.1:9/x onerror=alert(1)>")  # <b>&amp;</b> -->
    if mode == "']]><!--":
        y = y + 1.0
    return y * np.where(y > 0, 2.0, 1.0)  # \\u2028 {{}} @@DATA@@ ${1}
"""


def test_hostile_text_stays_text(shown, tmp_path):
    file = tmp_path / "<img src=x onerror=alert(2)>&'\".py"
    file.write_text(HOSTILE, "utf-8")
    function = load_function(f"{file}:f")
    seen = shown(function, (3.0,), (0,), place=file.name)
    assert seen.page.title() == f"f in {file.name}"
    assert seen.page.inner_text("#title") == f"f in {file.name}"
    assert seen.page.locator("img").count() == 0 and seen.page.locator("script").count() == 2
    assert "<b>&amp;</b> -->" in seen.page.inner_text("#source")
    assert "@@DATA@@ ${1}" in seen.page.inner_text("#source")
    for _ in range(seen.count):
        seen.press("ArrowRight")
    assert "Chain rule" in seen.detail


def test_a_page_is_legible_at_1280_by_800(shown):
    seen = shown(loss, (0.6, -0.3, 1.5, 1.0), (0, 1))
    seen.until("dL/dt4")
    sizes = seen.page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
    )
    assert sizes[0] <= 1280 and sizes[1] <= 800
    now = seen.page.locator("#graph .node.now").bounding_box()
    pane = seen.page.locator("#graph").bounding_box()
    assert pane["y"] <= now["y"] and now["y"] + now["height"] <= pane["y"] + pane["height"]


def test_a_page_of_a_long_loop_keeps_its_ends(shown):
    def walked(x, n):
        for i in range(n):
            x = x + 0.001 * np.sin(x)
        return x

    seen = shown(walked, (1.0, 800), (0,))
    options = seen.page.locator("#loops option").all_text_contents()
    assert options[1] == "trip 1, i = 0" and options[-1] == "trip 800, i = 799"
    assert len(options) < 500
    seen.page.select_option("#loops select", "800")
    seen.page.locator("#title").click()
    seen.until("trip 800 of 800")
