"""From configs to jobs: what is refused, what determines a run, and what it is called."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import get_object
from omegaconf import OmegaConf
from tests.cli.composed import test_job as the_case
from tests.cli.composed import train_job as job

import dynalign.metrics
from dynalign.cli import CONF
from dynalign.cli.schema import completed
from dynalign.errors import DynalignError
from dynalign.identity import name_of
from dynalign.metrics import Metric
from dynalign.training import FLOOR_SPLITS

METRICS = {
    thing.name: thing
    for thing in (getattr(dynalign.metrics, name) for name in dynalign.metrics.__all__)
    if isinstance(thing, type) and issubclass(thing, Metric) and thing is not Metric
}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.hidden=abc", r"model.hidden='abc' in model/rnn.yaml has the wrong type: .* integer"),
        ("model.hidden=true", "model.hidden=true in model/rnn.yaml has the wrong type: it must be a number"),
        ("model.hidden=0.5", "model.hidden=0.5 in model/rnn.yaml has the wrong type"),
        ("model.hidden=0", "model.hidden=0 must be greater than 0"),
        ("+model.hiden=3", r"model.hiden is no setting of LeakyRNN \(model/rnn.yaml\); did you mean hidden\?"),
        ("+model.seed=3", "model.seed follows from the rest of the config"),
        ("+metric.cka.rank=3", r"metric.cka.rank is no setting of CKA \(metric/cka.yaml\); there is bandwidth, "),
        ("model._target_=dynalign.models.LSTM", "model._target_=dynalign.models.LSTM .* cannot be imported"),
        ("representation.basis=mine", "representation.basis='mine' .* has the wrong type"),
        ("representation.period=cue", "representation.period=cue is no period"),
        ("representation.rule=bsic", "bsic"),
        ("curriculum.train=[foo]", "foo"),
        ("curriculum.target=foo", None),
        ("noise=-1", "noise=-1 is no standard deviation"),
        ("noise=abc", "noise='abc' .* has the wrong type"),
        ("noise=true", "noise=true .* must be a number"),
        ("noise=inf", "noise=inf is no standard deviation"),
        ("noise=nan", "noise=nan is no standard deviation"),
        ("seed=abc", "seed=abc must be a whole number >= 0"),
        ("seed=0.5", "seed=0.5 must be a whole number"),
        ("seed=true", "seed=true must be a whole number"),
        ("seed=-1", "seed=-1 must be a whole number"),
        ("seed=null", "seed=null must be a whole number"),
        ("store=null", "store must be a folder"),
        ("reference=initail", r"reference=initail is unknown; did you mean initial\?"),
        (
            "reference=abc",
            "reference=abc is unknown; use initial, previous, final, or the key of a run: abc fits no finished run",
        ),
        ("reference=null", "reference must be initial, previous, final"),
        ("model.activation=rleu", "did you mean relu"),
        ("trainer.accelerator=gpu", "trainer.accelerator=gpu needs a GPU"),
        ("trainer.epochs=0", "epochs=0 must be at least 1"),
        ("objective=acuracy", r"objective=acuracy is nothing .*; did you mean accuracy\?"),
        ("metric=[]", "choose at least one metric"),
        ("+metric.dsa_tuned.rank=3", "metric.dsa_tuned has settings but no class"),
        ("callbacks.dissimilarity.every_n_epochs=0", "every_n_epochs=0 must be a multiple"),
        ("callbacks.dissimilarity.floor_splits=-1", "callbacks.dissimilarity.floor_splits=-1 must be a whole number"),
        ("+callbacks.dissimilarity.reference=final", "callbacks.dissimilarity.reference follows from other settings"),
    ],
)
def test_bad_configs(tmp_path: Path, override: str, message: str | None) -> None:
    if message is None:
        override, message = f"+{override}", "target=foo is no rule of pdm"
    with pytest.raises(DynalignError, match=message) as caught:
        job(tmp_path, override)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["perturbation=representation", "noise=2"], "noise=2 is too large"),
        (["perturbation=recurrent", "noise=0.1", "model=mamba"], "has no meaning for"),
        (
            ["+metric.silent={_target_: tests.foreign_metrics.Silent}"],
            "tests.foreign_metrics.Silent, which does not say its name, title, .*dynalign.metrics.Metric has what",
        ),
        (["+metric.no={_target_: tests.foreign_metrics.NoMetric}"], "NoMetric, which is no metric; derive it from"),
        (["metric=[cka,dsa_study]"], "the recording has 100 time steps per trial, too few for n_delays=33"),
        (["representation.period=delay", "representation.rule=basic"], "period=delay is empty"),
        (
            ["trainer.checkpoint_every=2", "callbacks.dissimilarity.every_n_epochs=3"],
            "multiple of .*checkpoint_every=2",
        ),
    ],
)
def test_bad_combinations(tmp_path: Path, overrides: list[str], message: str) -> None:
    with pytest.raises(DynalignError, match=message):
        job(tmp_path, *overrides)


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        (["metric=[dsa,soft_matching]"], "Soft matching"),
        (["metric=pwcca"], "PWCCA"),
        (["metric=rsa", "metric.rsa.dissimilarity=correlation", "representation.basis=common"], "RSA"),
    ],
)
def test_principal_components_are_no_single_units(tmp_path: Path, overrides: list[str], name: str) -> None:
    message = f"representation.components=20 turns units into principal components, but {name}.* looks at single units"
    with pytest.raises(DynalignError, match=message):
        job(tmp_path, *overrides)
    units = job(tmp_path, *overrides, "representation.components=null")
    assert units.metrics[-1].title == name


def test_metrics_that_ignore_rotations_take_components(tmp_path: Path) -> None:
    assert len(job(tmp_path, "metric=[dsa,cka,procrustes,cca,svcca,rsa,causal_ot]").metrics) == 7


def test_two_settings_of_one_metric_stand_side_by_side(tmp_path: Path) -> None:
    metrics = job(tmp_path, "metric=[dsa,dsa_low_rank,cka]").metrics
    assert [metric.label for metric in metrics] == ["DSA", "DSA(rank=3, estimator=havok)", "CKA"]
    same = job(
        tmp_path, "metric=[dsa,dsa_low_rank]", "metric.dsa_low_rank.estimator=shrinkage", "metric.dsa_low_rank.rank=8"
    )
    assert [metric.label for metric in same.metrics] == ["DSA"]


def test_systems_without_inputs_are_nothing_for_a_metric_that_needs_them(tmp_path: Path) -> None:
    assert job(tmp_path, "metric=[dsa,input_dsa]").metrics[1].needs_inputs
    message = r"InputDSA needs the inputs of the systems, but those of families, noise run .*; use testcase=driven, or"
    with pytest.raises(DynalignError, match=message):
        the_case(tmp_path, "metric=input_dsa", "testcase=[families,noise]")
    for metrics, cases in (("input_dsa", "[families,driven]"), ("[dsa,input_dsa]", "families")):  # which lose cells
        assert the_case(tmp_path, f"metric={metrics}", f"testcase={cases}").metrics["InputDSA"].needs_inputs


@pytest.mark.parametrize("override", ["~callbacks", "callbacks=early_stopping", "~logger", "logger=none"])
def test_what_need_not_be_there(tmp_path: Path, override: str) -> None:
    built = job(tmp_path, override)
    assert built.watched == ("callbacks" not in override)
    assert bool(built.loggers) == ("logger" not in override)
    assert len(built.spec.callbacks) == (override == "callbacks=early_stopping")


def test_the_study_keeps_its_loss(tmp_path: Path) -> None:
    assert job(tmp_path).spec.training.decision_weight == 0.5
    assert job(tmp_path, "experiment=study").spec.training.decision_weight is None


def test_keys_are_of_what_determines_the_network(tmp_path: Path) -> None:
    base = job(tmp_path).spec.key
    same = [
        "metric=cka", "metric.dsa.rank=3", "reference=final", "logger=none", "perturbation=recurrent", "noise=0.0",
        "representation.components=5", "representation.rule=basic", "representation=trial", "~callbacks",
        "curriculum.name=other", "callbacks.dissimilarity.every_n_epochs=5", "objective=accuracy", "model.tau=100",
        "callbacks.dissimilarity.floor_splits=0",
        "model._target_=dynalign.models.leaky_rnn.LeakyRNN",
    ]  # fmt: skip
    assert {job(tmp_path, override).spec.key for override in same} == {base}
    assert job(tmp_path, "perturbation=representation", "noise=0.5").spec.key == base
    other = [
        "noise=0.1", "seed=1", "model=gru", "model.hidden=32", "curriculum=full", "trainer.epochs=3", "task=gonogo",
        "callbacks=[dissimilarity,early_stopping]", "+curriculum.target=basic",
    ]  # fmt: skip
    keys = {job(tmp_path, override).spec.key for override in other}
    assert len(keys) == len(other)
    assert base not in keys


def name(tmp_path: Path, *overrides: str) -> str:
    return name_of(*job(tmp_path, *overrides).factors)


def test_names_say_what_differs_from_the_defaults(tmp_path: Path) -> None:
    assert name(tmp_path) == "rnn"
    assert name(tmp_path, "model=rnn", "noise=0.0", "seed=0", "task=pdm", "model.hidden=64") == "rnn"
    assert name(tmp_path, "noise=0.1", "curriculum=full", "seed=2") == "rnn curriculum=full noise=0.1 seed=2"
    assert name(tmp_path, "model=mamba", "model.d_model=8") == "mamba model.d_model=8"
    assert name(tmp_path, "metric=cka", "logger=none", "metric.cka.scale=radians") == "rnn"
    assert name(tmp_path, "noise=0.1234561") != name(tmp_path, "noise=0.1234564")
    assert name(tmp_path, "task.cohs=[1,23]") == "rnn task.cohs=[1,23]"
    assert name(tmp_path, "task.cohs=[12,3]") == "rnn task.cohs=[12,3]"
    assert name(tmp_path, "perturbation.std=0.3") == "rnn perturbation.std=0.3"
    assert name(tmp_path, "experiment=study").startswith("rnn experiment=study")
    assert name(tmp_path, "reference=final") == "rnn reference=final"


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_has_a_config(metric: str) -> None:
    node = OmegaConf.load(CONF / "metric" / f"{metric}.yaml")
    assert get_object(node._target_) is METRICS[metric]


@pytest.mark.parametrize("path", sorted(CONF.rglob("*.yaml")), ids=lambda path: str(path.relative_to(CONF)))
def test_every_config_says_what_it_is_and_fits_its_target(path: Path) -> None:
    lines = [line for line in path.read_text().splitlines() if not line.startswith("# @package")]
    assert lines[0].startswith("# ")
    node = OmegaConf.load(path)
    if "_target_" in node and CONF / "hydra" not in path.parents:  # those are Hydra's: tests/cli/test_launchers.py
        assert len(lines) < 20
        with initialize_config_dir(str(CONF), version_base="1.3"):
            whole = compose("train")
        OmegaConf.set_struct(whole, False)
        completed(OmegaConf.merge(whole, {"x": node}), {})


def test_study_and_all_choices_build(tmp_path: Path) -> None:
    study = job(tmp_path, "experiment=study")
    assert study.spec.training.epochs == 50
    assert study.metrics[0].n_delays == 33
    assert [metric.label for metric in job(tmp_path, "experiment=study", "metric=cka").metrics] == ["CKA"]
    for curriculum in sorted(path.stem for path in (CONF / "curriculum").glob("*.yaml")):
        assert job(tmp_path, f"curriculum={curriculum}").factors.all["curriculum"] == curriculum
    for task in ("pdm", "gonogo"):
        for model in ("rnn", "gru", "mamba"):
            assert job(tmp_path, f"task={task}", f"model={model}").spec.network.task.name == task


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["metric.cka.kernel=3"], "metric.cka.kernel=3 in metric/cka.yaml has the wrong type"),
        (
            ["+metric.cka.kernal=rbf"],
            "metric.cka.kernal is no setting of CKA .metric/cka.yaml.; did you mean kernel",
        ),
        (["testcase.noise.levels=[0.3,0.1]"], "must rise"),
        (["testcase.noise.families=[ring,lien]"], "no family lien"),
        (["testcase.composition.pairs_per_kind=0"], "pairs_per_kind=0 must be at least 1"),
        (["simulation.trials=0"], "trials >= 1"),
        (["simulation.starts=same"], "simulation.starts='same' in simulation/corrected.yaml has the wrong type"),
        (["seed=-1"], "seed=-1 must be a whole number >= 0"),
        (["seed=0.5"], "seed=0.5 must be a whole number"),
        (["limit=0"], "limit=0 must be a number of seconds above 0"),
        (["objective=composition.rho"], "objective=composition.rho is no criterion of these test cases; did you mean"),
        (["metric=[]"], "choose at least one metric"),
        (["testcase=[]"], "choose at least one testcase"),
    ],
)
def test_settings_of_a_test_case_are_checked(tmp_path: Path, overrides: list[str], message: str) -> None:
    with pytest.raises(DynalignError, match=message):
        the_case(tmp_path, *overrides)


def test_the_objective_is_the_first_headline_unless_named(tmp_path: Path) -> None:
    assert the_case(tmp_path).objective == ("families", "auc")
    assert the_case(tmp_path, "testcase=composition").objective == ("composition", "rho_unordered")
    assert the_case(tmp_path, "objective=composition.fall").objective == ("composition", "fall")


@pytest.mark.parametrize(("task", "rule"), [("pdm", "delay_anti"), ("yang19", "dnmc"), ("sine_wave", "all")])
def test_rules_that_are_not_said_are_the_tasks_last(tmp_path: Path, task: str, rule: str) -> None:
    made = job(tmp_path, f"task={task}")
    assert made.spec.target == made.representation.rule == rule
    assert made.spec.config["phases"][-1]["rules"] == [rule]
    assert not {"curriculum.train", "representation.rule"} & set(made.factors.told)
    said = job(tmp_path, f"task={task}", f"curriculum.train=[{rule}]", f"representation.rule={rule}")
    assert (said.spec.key, said.details) == (made.spec.key, made.details)


def test_a_curriculum_over_any_rules(tmp_path: Path) -> None:
    rules = ["curriculum.pretrain=[go,anti]", "curriculum.train=[dlygo,dlyanti]", "representation.rule=dlyanti"]
    made = job(tmp_path, "task=yang19", *rules)
    phases = made.spec.phases
    assert [phase.rules for phase in phases] == [("go", "anti"), ("dlygo", "dlyanti")]
    assert made.spec.target == "dlyanti"


def test_floors_are_measured_unless_they_are_not_wanted(tmp_path: Path) -> None:
    assert job(tmp_path).floor_splits == FLOOR_SPLITS
    assert job(tmp_path, "~callbacks").floor_splits == FLOOR_SPLITS
    without = job(tmp_path, "callbacks.dissimilarity.floor_splits=0")
    assert (without.floor_splits, without.details["floor_splits"]) == (0, 0)


def test_threads_set_a_network_apart_unless_there_is_one(tmp_path: Path) -> None:
    usual, told = job(tmp_path), job(tmp_path, "threads=1")
    assert told.spec.key == usual.spec.key
    assert "threads" not in usual.spec.config
    more = job(tmp_path, "threads=2")
    assert more.spec.key != usual.spec.key
    assert name_of(more.factors.all, more.factors.told) == "rnn threads=2"
    with pytest.raises(DynalignError, match="threads=0 must be a whole number above 0"):
        job(tmp_path, "threads=0")
