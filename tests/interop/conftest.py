"""Fixtures of the interop tests: `world` starts things and ends them, whatever becomes of the test."""

import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from harness import servers  # noqa: E402
from harness.world import World  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "petiole: what only petiole has; not run against a nats-server")
    config.addinivalue_line("markers", "root: needs root, for network namespaces")


def _missing() -> list[str]:
    wanted = [
        servers.server_under_test().path,
        servers.nats_server("oldest").path,
        servers.nats_server("newest").path,
        servers.NATS_CLI,
    ]
    return [str(path) for path in wanted if not path.exists()]


def pytest_collection_modifyitems(config, items):
    missing = _missing()
    if missing and os.environ.get("CI") == "true":
        raise pytest.UsageError(f"peers are missing (run tests/peers, build petiole): {missing}")
    petiole = servers.server_under_test().is_petiole
    for item in items:
        if missing:
            item.add_marker(pytest.mark.skip(reason=f"missing: {missing}"))
        elif item.get_closest_marker("petiole") and not petiole:
            item.add_marker(pytest.mark.skip(reason="not for a nats-server"))
        elif item.get_closest_marker("root") and os.geteuid() != 0:
            item.add_marker(pytest.mark.skip(reason="needs root"))


def pytest_terminal_summary(terminalreporter):
    missing = _missing()
    for tool in servers.TOOLS:
        if not tool.exists():
            text = f"NOT TESTED, {tool.name.upper()} IS MISSING ({tool}): what it makes; run tests/peers"
            terminalreporter.write_line(text, red=True)
    if missing:
        terminalreporter.write_line("NOTHING WAS TESTED, missing: " + ", ".join(missing), red=True)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    world = item.funcargs.get("world") if hasattr(item, "funcargs") else None
    if report.failed and world is not None:
        for title, text in world.logs():
            report.sections.append((title, text))


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.close()


@pytest.fixture(params=["oldest", "newest"])
def hub_version(request):
    return request.param
