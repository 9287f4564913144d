"""The files with which an operator sets up hosts: valid by Kubernetes' own schemas, and true to the program."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from image import read
from ruamel.yaml import YAML

from retake_flow.cli.main import parser

ROOT = Path(__file__).parents[2]
MANIFESTS = sorted((ROOT / "docs" / "deploy" / "kubernetes").glob("*.yaml"))


def documents() -> list[dict[str, Any]]:
    """All objects of the manifests; Kubernetes reads `0440` as octal, as YAML 1.1 does."""
    yaml = YAML(typ="safe")
    yaml.version = (1, 1)  # type: ignore[assignment]
    return [each for file in MANIFESTS for each in yaml.load_all(file.read_text())]


@pytest.mark.parametrize("version", ["1.30", "1.37"])
def test_the_manifests_are_valid(version: str) -> None:
    """For an old version of Kubernetes and a new one, which ignore keys that they do not know."""
    found = documents()
    assert sorted(each["kind"] for each in found) == ["Deployment", "PodDisruptionBudget"]
    for each in found:
        kubernetes_validate.validate(each, version, strict=True)
    broken = json.loads(json.dumps(found[0]))
    broken["spec"]["template"]["spec"]["terminationGracePeriod"] = 180
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, version, strict=True)


def test_the_budget_and_the_secrets_fit_the_pods() -> None:
    """What selects the pods does, what they mount is named, and ports and users are those of the image."""
    deployment, budget = sorted(documents(), key=lambda each: str(each["kind"]))
    pod = deployment["spec"]["template"]
    for selector in (deployment["spec"]["selector"], budget["spec"]["selector"]):
        assert selector["matchLabels"].items() <= pod["metadata"]["labels"].items()
    [worker] = pod["spec"]["containers"]
    assert {each["name"] for each in worker["volumeMounts"]} == {each["name"] for each in pod["spec"]["volumes"]}
    assert pod["spec"]["volumes"][0]["secret"]["defaultMode"] == 0o440
    built = read(ROOT / "Containerfile")
    context = pod["spec"]["securityContext"]
    assert built.user == f"{context['runAsUser']}:{context['runAsGroup']}" == f"{context['fsGroup']}:10001"
    places = {each["mountPath"] for each in worker["volumeMounts"]}
    assert {built.environment["RETAKE_FLOW_STATE"], built.environment["RETAKE_FLOW_CACHE"], "/tmp"} <= places
    assert {worker[probe]["httpGet"]["port"] for probe in ("startupProbe", "readinessProbe", "livenessProbe")} == {
        worker["ports"][0]["name"]
    }
    assert pod["spec"]["terminationGracePeriodSeconds"] > 75, "the time in which a session is closed"


def test_the_worker_takes_what_it_is_given() -> None:
    """The commands of the image, the pods and the unit are understood."""
    unit = (ROOT / "docs" / "systemd" / "retake-flow-worker@.service").read_text()
    started = shlex.split(re.findall(r"(?m)^ExecStart=(.*) \$WORKER_OPTIONS$", unit)[0])[1:]
    started = [word.replace("%l", "studio").replace("%i", "main") for word in started]
    [worker] = documents()[0]["spec"]["template"]["spec"]["containers"]
    for words in (worker["args"], read(ROOT / "Containerfile").default, started):
        parser(["worker"]).parse_args(words)
