"""Apache Kafka 4.3 on this machine: broker and controller in one process (KRaft), its jars by Maven, run by Java.

The rule it keeps: what was published stays. Nothing is removed by age or size, and no topic is made by accident.
It listens on loopback alone and without sign-in, which its own machine's other users can reach: docs/stack.md says so.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import socket
import struct
import subprocess
import tempfile
from base64 import urlsafe_b64encode
from pathlib import Path

from domain.errors import Rejected
from infra.stack.processes import ANSWER_TIMEOUT_S, LOOPBACK, Account, Server, step

NAME = "Kafka"
HEAP = "-Xmx512m"
MAX_RECORD_BYTES = 2 * 1024 * 1024
"""An event's data is at most 512 KiB; with its envelope and what a batch adds this is ample."""

OLDEST_JAVA = 17
MAVEN_TIMEOUT_S = 600
"""54 MB over whatever line there is."""

_POM = Path(__file__).with_name("pom.xml")
_PROJECT = Path(__file__).resolve().parents[2]

_DESCRIBE_CLUSTER = struct.pack(">hhihbbb", 60, 0, 1, -1, 0, 0, 0)
"""The request DescribeCluster, version 0: key, version, correlation id, no client id, no tags; a flag, no tags."""


def server(home: Path, port: int, controller_port: int, cluster: str, libraries: Path) -> Server:
    """A server below `home` with the jars in `libraries`; `cluster` names its data, for ever."""
    properties = home / "server.properties"
    java = (_java() or "java", HEAP, "-cp", f"{libraries}/*")

    def prepare() -> None:
        (home / "data").mkdir(mode=0o700, exist_ok=True)
        properties.write_text(properties_text(home / "data", port, controller_port))
        if not (home / "data/meta.properties").exists():
            tool = [*java, "kafka.tools.StorageTool", "format", "--standalone", "-t", cluster, "-c", str(properties)]
            step(NAME, tool, home / "data", Account(), home / "log")

    def is_ready() -> bool:
        return _knows_a_broker(port)

    return Server(
        NAME,
        home,
        port,
        (
            *(*java, "-Dorg.slf4j.simpleLogger.showDateTime=true"),
            *("-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "kafka.Kafka", str(properties)),
        ),
        answers=is_ready,
        is_ready=is_ready,
        prepare=prepare,
        settle=lambda: None,
    )


def new_cluster() -> str:
    """A name for a new cluster: 16 bytes as Kafka writes them. The first is 0, since a tool reads `-` as an option."""
    return urlsafe_b64encode(b"\0" + secrets.token_bytes(15)).decode().rstrip("=")


def libraries(below: Path) -> Path:
    """The folder of Kafka's jars: in a checkout of the project shared in `.stack/`, elsewhere below the given one."""
    below = _PROJECT / ".stack" if (_PROJECT / "pyproject.toml").exists() else below
    return below / f"kafka-{version()}"


def fetch(below: Path) -> Path:
    """The folder of Kafka's jars, fetched by Maven where they are not there. `stack_needs`, `stack_not_fetched`."""
    folder = libraries(below)
    if folder.exists():
        return folder
    maven = _maven()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # whoever holds it is bound by MAVEN_TIMEOUT_S
        if not folder.exists():
            _fetch(maven, folder.parent, folder)
    return folder


def version() -> str:
    """The version of Kafka that the pom names."""
    return _POM.read_text().partition("<artifactId>kafka_2.13</artifactId>")[2].split("version>")[1].rstrip("</")


def check(below: Path) -> None:
    """`stack_needs` where Java is missing or too old, or Maven is missing while it is needed."""
    _check_java()
    fetch(below)


def _fetch(maven: str, below: Path, folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=below) as made:
        shutil.copy(_POM, made)
        copied = Path(made) / "jars"
        command = [
            *(maven, "--batch-mode", "--quiet", "--strict-checksums", "dependency:copy-dependencies"),
            f"-DoutputDirectory={copied}",
        ]
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                cwd=made,
                timeout=MAVEN_TIMEOUT_S,
                check=False,
            )
            told = done.stdout.strip()[-400:] if done.returncode else ""
        except subprocess.TimeoutExpired:
            told = f"no end in {MAVEN_TIMEOUT_S} s"
        if told or not any(copied.glob("kafka_*.jar")):
            raise Rejected("stack_not_fetched", server=NAME, reason=told or "no jars came")
        copied.chmod(0o755)
        copied.rename(folder)


def properties_text(data: Path, port: int, controller_port: int) -> str:
    """What `server.properties` says."""
    settings = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.bootstrap.servers": f"{LOOPBACK}:{controller_port}",
        "listeners": f"PLAINTEXT://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(data),
        "auto.create.topics.enable": "false",
        "log.retention.ms": "-1",
        "log.retention.bytes": "-1",
        "message.max.bytes": str(MAX_RECORD_BYTES),
        "replica.fetch.max.bytes": str(MAX_RECORD_BYTES),
        "default.replication.factor": "1",
        "min.insync.replicas": "1",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "8",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        # A killed broker is let in again when its old registration has run out: 9 s unless told otherwise.
        "broker.session.timeout.ms": "4000",
        "broker.heartbeat.interval.ms": "1000",
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _knows_a_broker(port: int) -> bool:
    """Whether the cluster, asked at the broker's door, tells of a broker that takes records."""
    try:
        with socket.create_connection((LOOPBACK, port), ANSWER_TIMEOUT_S) as line:
            line.settimeout(ANSWER_TIMEOUT_S)
            line.sendall(struct.pack(">i", len(_DESCRIBE_CLUSTER)) + _DESCRIBE_CLUSTER)
            with line.makefile("rb") as answers:
                size = struct.unpack(">i", answers.read(4))[0]
                answer = answers.read(size)
    except (OSError, struct.error):
        return False
    # Correlation id, tags, throttle time, error code; then an error message, the cluster's id, the controller's.
    error = struct.unpack_from(">h", answer, 9)[0]
    place = 11
    for _ in range(2):
        place += max(answer[place], 1)  # both shorter than 127 bytes: one byte says their length, and one more
    brokers = answer[place + 4] - 1
    return error == 0 and brokers > 0


def _java() -> str | None:
    home = os.environ.get("JAVA_HOME")
    return shutil.which(str(Path(home) / "bin/java") if home else "java")


def _check_java() -> None:
    found = _java()
    if found is None:
        raise _needs_java()
    told = subprocess.run([found, "-version"], capture_output=True, text=True, check=False).stderr
    number = told.partition('version "')[2].partition(".")[0].partition('"')[0]
    if not number.isdecimal() or int(number) < OLDEST_JAVA:
        raise _needs_java()


def _needs_java() -> Rejected:
    return Rejected(
        "stack_needs", what=f"Java {OLDEST_JAVA} or newer", install="apt-get install openjdk-17-jre-headless"
    )


def _maven() -> str:
    found = shutil.which("mvn")
    if found is None:
        raise Rejected("stack_needs", what="Maven", install="apt-get install maven")
    return found
