"""The workspace, against the schema of the package that publishes it; a stand-in answers for W&B's server."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from dynalign.errors import DynalignError
from dynalign.loggers.workspace import Shown, publish, specification, workspace

METRICS = [Shown("DSA(rank=10)", "dsa", "dsa_rank"), Shown("CKA", "cka", "cka")]
CURRICULA = ["basic", "master"]


def made(**more: Any) -> Any:
    return workspace(
        **{"project": "mine", "entity": "me", "title": "dynalign", "metrics": METRICS, "curricula": CURRICULA, **more}
    )


def panels(spec: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the configs of all panels that have a title, by section and title."""
    return {
        f"{section['name']}: {panel['config']['chartTitle']}": {**panel["config"], "kind": panel["viewType"]}
        for section in spec["section"]["panelBankConfig"]["sections"]
        for panel in section["panels"]
        if "chartTitle" in panel["config"]
    }


def test_the_specification_is_one_of_the_package() -> None:
    """What is read back by the package's own models is what was written."""
    about = specification(made())
    from wandb_workspaces.workspaces import Workspace, internal

    view = internal.View(
        entity="me", project="mine", display_name="dynalign", name=about["name"], id="", spec=about["spec"]
    )
    again = Workspace._from_model(view)
    assert [section.name for section in again.sections] == [
        "Dissimilarity over learning", "Noise", "Groups and masters", "Claims", "Comparisons",
    ]  # fmt: skip
    kinds = {type(panel).__name__ for section in again.sections for panel in section.panels}
    assert "UnknownPanel" not in kinds
    assert json.loads(view.spec.model_dump_json(by_alias=True, exclude_none=True)) == about["spec"]


def test_curves_are_means_of_groups_with_their_spread_over_seeds() -> None:
    spec = specification(made())["spec"]
    found = panels(spec)
    for title, name in (("DSA(rank=10)", "dissimilarity/dsa"), ("CKA", "dissimilarity/cka"), ("accuracy", "accuracy")):
        curve = found[f"Dissimilarity over learning: {title}"]
        assert (curve["kind"], curve["xAxis"], curve["metrics"]) == ("Run History Line Plot", "epoch", [name])
        assert (curve["groupAgg"], curve["groupArea"]) == ("mean", "stddev")
    (runs,) = spec["section"]["runSets"]
    assert [key["name"] for key in runs["grouping"]] == ["model.value", "curriculum.value", "noise.value"]
    assert {key["section"] for key in runs["grouping"]} == {"config"}


def test_noise_groups_and_claims_have_their_panels() -> None:
    spec = specification(made())["spec"]
    found = panels(spec)
    scatter = found["Noise: CKA by noise"]
    assert (scatter["xAxis"], scatter["yAxis"]) == ("config:noise.value", "summary:final/dissimilarity/cka")
    bars = found["Groups and masters: CKA to masters"]
    assert bars["metrics"] == ["to_master/CKA/basic", "to_master/CKA/master"]
    assert found["Groups and masters: CKA to the reference, by curriculum"]["groupBy"] == "curriculum.value"
    tables = json.dumps(spec["section"]["panelBankConfig"]["sections"][3:])
    for name in ("claims", "runs", "figures", "dissimilarities"):
        assert f'"{name}"' in tables


def test_the_same_arguments_make_the_same_specification() -> None:
    assert specification(made()) == specification(made())
    assert specification(made(title="other"))["name"] != specification(made())["name"]


class Server:
    """Answers like W&B's, and keeps what it was sent."""

    def __init__(self, *, project: bool = True) -> None:
        self.project = project
        self.views: dict[str, dict[str, Any]] = {}
        self.sent: list[dict[str, Any]] = []

    def __call__(self, _api: Any, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        if "mutation" not in query:
            if not self.project:
                return {"project": None}
            known = self.views.get(variables["viewName"])
            return {"project": {"allViews": {"edges": [] if known is None else [{"node": known}]}}}
        self.sent.append(variables)
        identity = variables.get("id") or f"view-{len(self.views)}"
        self.views[variables["name"]] = {"id": identity, "displayName": "", "spec": variables["spec"]}
        return {"upsertView": {"view": {"id": identity, "name": variables["name"]}}}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    made()  # which loads the package without its warnings
    from wandb_workspaces.workspaces import interface, internal

    there = Server()
    monkeypatch.setattr(internal, "execute_graphql", there)
    monkeypatch.setattr(internal.wandb, "Api", lambda: None)
    monkeypatch.setattr(interface, "get_app_url", lambda _: "https://example.org")
    return there


def test_publishing_twice_creates_once_and_updates(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = publish(made()), publish(made(metrics=METRICS[:1]))
    assert first == second
    assert first.startswith("https://example.org/me/mine?nw=")
    assert [sent.get("id") for sent in server.sent] == [None, "view-0"]
    assert len(server.views) == 1
    assert json.loads(server.sent[0]["spec"]) == specification(made())["spec"]


def test_a_project_that_there_is_not_is_told(server: Server) -> None:
    server.project = False
    with pytest.raises(DynalignError, match="no project me/mine; log a run first"):
        publish(made())
    assert not server.sent


def test_without_the_package_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb_workspaces.expr", None)
    with pytest.raises(DynalignError, match=r"pip install 'dynalign\[dashboard\]'"):
        made()
