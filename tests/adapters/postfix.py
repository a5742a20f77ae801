"""Postfix in a folder of its own, for real delivery reports; the machine's own configuration stays as it is.

Its world: `inbox@party.test` is a mailbox here, `full@party.test` is full, anybody else at party.test is unknown;
relay.test is handed on to `relay_port`, court.test (where reports go) to `door_port`; there is nothing else.
It warns of delay after a second.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import servers

NOBODY = 65534


@contextmanager
def postfix_server(*, door_port: int, relay_port: int) -> Iterator[int]:
    """A running Postfix; yields its SMTP port. Needs root, as Postfix does."""
    program = servers.debian("postfix", "postfix")
    if os.geteuid() != 0:
        servers.missing("Postfix starts as root only")
    home = Path(tempfile.mkdtemp(prefix="songda-postfix-"))
    port = servers.free_port()
    try:
        _configure(home, port, door_port, relay_port)
        command = [program, "-c", home / "etc"]
        started = subprocess.run([*command, "start"], check=False, capture_output=True, text=True)
        if started.returncode:
            raise RuntimeError((home / "mail.log").read_text() if (home / "mail.log").exists() else started.stderr)
        try:
            _greeted(port)
            yield port
        finally:
            subprocess.run([*command, "stop"], check=True, capture_output=True)
    finally:
        shutil.rmtree(home)


def _configure(home: Path, port: int, door_port: int, relay_port: int) -> None:
    home.chmod(0o755)  # Postfix's own users pass through
    etc, queue, data, mail = (home / name for name in ("etc", "queue", "data", "mail"))
    shutil.copytree("/etc/postfix", etc, ignore=shutil.ignore_patterns("makedefs.out", "sasl"))
    for folder in (queue, data, mail):
        folder.mkdir()
    shutil.chown(data, "postfix")
    os.chown(mail, NOBODY, NOBODY)
    master = Path("/usr/share/postfix/master.cf.dist").read_text()
    lines = [_unjailed(line) for line in master.splitlines() if not line.startswith("smtp      inet")]
    (etc / "master.cf").write_text("\n".join([*lines, f"127.0.0.1:{port} inet n - n - - smtpd", ""]))
    (etc / "main.cf").write_text(_main(home, door_port, relay_port))


def _unjailed(line: str) -> str:
    """Services of master.cf without chroot: the fifth column."""
    words = line.split()
    if line[:1].isspace() or line.startswith("#") or len(words) < 8:
        return line
    return " ".join([*words[:4], "n", *words[5:]])


def _main(home: Path, door_port: int, relay_port: int) -> str:
    transports = [
        "{full@party.test = error:5.2.2 the mailbox is full}",
        f"{{relay.test = smtp:[127.0.0.1]:{relay_port}}}",
        f"{{court.test = smtp:[127.0.0.1]:{door_port}}}",
    ]
    mailboxes = "{inbox@party.test = inbox/} {full@party.test = full/}"
    return f"""compatibility_level = 3.6
myhostname = mx.party.test
mydestination =
inet_interfaces = loopback-only
inet_protocols = ipv4
queue_directory = {home}/queue
data_directory = {home}/data
maillog_file = {home}/mail.log
maillog_file_prefixes = {home}
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
virtual_mailbox_domains = party.test
virtual_mailbox_base = {home}/mail
virtual_mailbox_maps = inline:{{{mailboxes}}}
virtual_uid_maps = static:{NOBODY}
virtual_gid_maps = static:{NOBODY}
recipient_delimiter = +
default_transport = error:5.1.2 no mail leaves this machine
transport_maps = inline:{{{" ".join(transports)}}}
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 1s
transport_retry_time = 1s
service_throttle_time = 1s
delay_warning_time = 1s
smtp_dns_support_level = disabled
smtp_host_lookup = native
"""


def _greeted(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=servers.PATIENCE) as line:
        assert line.recv(3) == b"220"
