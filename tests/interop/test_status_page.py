"""The page at `/`, in a real browser: what it shows is what the endpoints say.

Set PETIOLE_SCREENSHOTS to a folder to keep the pictures.
"""

import os
import pathlib
import urllib.request

import pytest

from harness import devtools as browser
from harness.wait import until
from harness.world import remote

pytestmark = [
    pytest.mark.petiole,
    pytest.mark.skipif(
        browser.chromium() is None and os.environ.get("CI") != "true",
        reason="NOT TESTED: no Chromium (tests/run installs it)",
    ),
]

STORE = "store_and_forward { dir: '{dir}/mirror', rules: [ { subjects: ['t.>'], durability: disk } ] }"
SIZES = {"phone": (390, 844), "desktop": (1280, 900)}


@pytest.fixture
def page(world, tmp_path):
    return world.keep(browser.Browser(str(tmp_path / "profile")))


def url(edge, path: str = "/") -> str:
    return f"http://{edge.host}:{edge.monitor_port}{path}"


def shot(page, tmp_path, name: str) -> None:
    folder = pathlib.Path(os.environ.get("PETIOLE_SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(folder / f"{name}.png")
    assert (folder / f"{name}.png").stat().st_size > 10_000


def polled(page, times: int = 2) -> None:
    until(lambda: int(page.evaluate("document.body?.dataset.polls || 0")) >= times, "the page polls")


def text(page, selector: str) -> str:
    return page.evaluate(f"document.querySelector({selector!r})?.innerText || ''")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_shows_link_and_backlog(world, page, tmp_path, size, dark):
    """A hub without interest in the subject: everything stays, so the numbers hold still."""
    hub = world.hub()
    edge = world.leaf(remote(hub), STORE)
    hub.wait_leafs()
    client = world.client(edge)
    for i in range(1234):
        client.publish(f"t.{i % 7}", bytes(100))
    client.flush()
    page.open(url(edge), *SIZES[size], dark)
    polled(page)
    mirror = edge.monitor("/mirrorz")
    assert mirror["messages"] == 1234
    assert page.evaluate("document.getElementById('messages').dataset.value") == "1234"
    assert text(page, "#messages") == "1,234"
    assert page.evaluate("Number(document.getElementById('bytes').dataset.value)") == mirror["bytes"]
    assert page.evaluate("document.querySelector('[data-link]').dataset.link") == "up"
    assert "hub" in text(page, "#remotes") and text(page, "#name") == "edge"
    assert "Nothing was lost" in text(page, "#loss-list")
    assert page.evaluate("document.querySelectorAll('#plot path').length") == 3
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= SIZES[size][0], "no scrolling sideways"
    for i in range(3):  # The plot moves.
        client.publish("t.more", bytes(100))
        client.flush()
        polled(page, 3 + i)
    until(lambda: text(page, "#messages") == "1,237", "the page follows")
    shot(page, tmp_path, f"{size}-{'dark' if dark else 'light'}")
    assert page.errors == []
    assert all(each.startswith((url(edge), "data:")) for each in page.requests), page.requests


def test_shows_a_link_that_is_down(world, page, tmp_path):
    hub = world.hub()
    edge = world.leaf(remote(hub), STORE)
    hub.wait_leafs()
    hub.kill()
    client = world.client(edge)
    for i in range(50):
        client.publish(f"t.{i}", bytes(100))
    client.flush()
    page.open(url(edge), *SIZES["desktop"], False)
    until(lambda: text(page, "#state") == "Link down", "it says so")
    until(lambda: "refused" in text(page, "#remotes"), "and why", 20)
    assert text(page, "#messages") == "50"
    shot(page, tmp_path, "down")
    hub.start()
    until(lambda: text(page, "#state").startswith("Link up"), "it is back", 40)
    assert page.errors == []


def test_without_hub_and_store_under_a_base_path(world, page, tmp_path):
    edge = world.alone("http_base_path: '/edge'")
    page.open(url(edge, "/edge"), *SIZES["desktop"], False)
    polled(page)
    assert text(page, "#state") == "Serving"
    shot(page, tmp_path, "alone")
    links = page.evaluate("[...document.querySelectorAll('nav a')].map((a) => a.href)")
    assert url(edge, "/edge/varz") in links and url(edge, "/edge/connz") in links
    for link in links:
        with urllib.request.urlopen(link, timeout=5) as got:
            assert got.status == 200, link
    assert page.errors == []


def test_a_server_that_ends_is_noticed(world, page):
    edge = world.alone()
    page.open(url(edge), *SIZES["phone"], True)
    polled(page)
    edge.kill()
    until(lambda: text(page, "#state") == "No answer from this server", "it says so", 20)
