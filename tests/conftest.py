"""Fixtures that several folders share: real servers, and an empty database on each engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import servers

# What a change must pass is the same examples each time; `make search` looks for new ones. How fast the machine is, and
# what else it does, says nothing about the code: no example fails for the time it took.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", unhurried, derandomize=True)
settings.register_profile("search", unhurried, derandomize=False, print_blob=True)
settings.load_profile("same")

ENGINES = ("sqlite", "postgres")
PropertyRecorder = Callable[[str, object], None]


@pytest.fixture(scope="session")
def postgres() -> Iterator[servers.Postgres]:
    """The PostgreSQL server of this run; it makes a database in some milliseconds."""
    with servers.postgres_server() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: servers.Postgres, record_property: PropertyRecorder) -> Iterator[str]:
    """An empty PostgreSQL database of this test's own."""
    record_property("engine", "postgres")
    name = postgres.create()
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture
def sqlite_url(tmp_path: Path, record_property: PropertyRecorder) -> str:
    """An empty SQLite database of this test's own, in a file."""
    record_property("engine", "sqlite")
    return f"sqlite+aiosqlite:///{tmp_path / 'journal.sqlite'}"


@pytest.fixture(params=ENGINES)
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty database; the test runs once on each engine."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture(scope="session")
def nats_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A NATS server with JetStream, shared by the run: name streams and subjects after the test."""
    with servers.nats_server(tmp_path_factory.mktemp("nats")) as address:
        yield address


@pytest.fixture(scope="session")
def npm_packages() -> Path:
    """The node_modules folder of tests/node."""
    return servers.npm_packages()


@pytest.fixture(scope="session")
def chromium() -> Path:
    """A headless browser, and fonts in which it can write Chinese."""
    servers.debian("fonts-noto-cjk", "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")
    return servers.debian("chromium", "chromium")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how much ran on each database, and what could not be had, one line each."""
    ran = [report for outcome in ("passed", "failed") for report in terminalreporter.getreports(outcome)]
    properties = [dict(report.user_properties) for report in ran if report.when == "call"]
    engines = Counter(each["engine"] for each in properties if "engine" in each)
    if engines:
        terminalreporter.write_line(
            f"On SQLite: {engines['sqlite']} tests. On PostgreSQL: {engines['postgres']} tests."
        )
    skipped = Counter(str(report.longrepr[2]) for report in terminalreporter.getreports("skipped"))
    for reason, times in skipped.items():
        terminalreporter.write_line(f"{reason} [{times}]")
