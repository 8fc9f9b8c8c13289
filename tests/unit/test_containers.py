"""The containers: the same servers as the local stack, behind passwords, for this machine alone."""

from __future__ import annotations

import re
from pathlib import Path

from api.cli.serving import ROLES
from infra.stack import kafka, mongo

ROOT = Path(__file__).parents[2]
COMPOSE = (ROOT / "docker-compose.yml").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_only_this_machine_reaches_the_api_and_nobody_a_server() -> None:
    assert re.findall(r"ports:\n((?: +- .*\n)+)", COMPOSE) == ['      - "127.0.0.1:8000:8000"\n']


def test_every_role_of_the_program_has_a_container() -> None:
    assert {role for role in ("api", "lake", *ROLES) if f"command: [{role}" not in COMPOSE} == set()


def test_no_password_has_a_default() -> None:
    asked = re.findall(r"\$\{(\w+)(\S)", COMPOSE)
    assert {name for name, _ in asked} == {"FINSHIFT_POSTGRES_PASSWORD", "FINSHIFT_MONGO_PASSWORD"}
    assert {how for _, how in asked} == {":"}
    assert COMPOSE.count(":?set it") == len(asked)


def test_containers_run_the_servers_that_the_local_stack_runs() -> None:
    images = dict(re.findall(r"image: ([\w/]+):([\d.]+)", COMPOSE))
    assert images["apache/kafka"] == kafka.version()
    assert images["mongo"] == mongo.version()
    assert images["postgres"].split(".")[0] == "18"
    local = dict(line.split("=", 1) for line in kafka.properties_text(ROOT, 1, 2).splitlines())
    for setting in ("log.retention.ms", "log.retention.bytes", "message.max.bytes", "auto.create.topics.enable"):
        name = "KAFKA_" + setting.upper().replace(".", "_")
        assert re.findall(rf'{name}: "(.+)"', COMPOSE) == [local[setting]], setting


def test_the_image_runs_without_root_and_without_what_the_gpl_covers() -> None:
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE) == ["10001:10001"]
    assert "requirements/runtime.txt" in DOCKERFILE
    assert "beancount.txt" not in DOCKERFILE
