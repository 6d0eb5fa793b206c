"""Slips on the command line and in configs get one clear sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from dynalign.cli.overrides import check_overrides
from dynalign.report.metric_texts import METRICS
from hydra import compose, initialize_config_dir
from hydra.utils import get_object
from omegaconf import OmegaConf

from dynalign.cli import ROOT, testcase
from dynalign.cli.job import build_job
from dynalign.cli.schema import check_config
from dynalign.errors import DynalignError

CONF = ROOT / "conf"


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (["nosie=0.1"], r"no setting nosie in conf/train.yaml; did you mean noise\?"),
        (["model=rn"], r"model=rn is unknown; did you mean rnn\? Available: gru, mamba, rnn"),
        (["-m", "model=rnn,mmba"], "model=mmba is unknown; did you mean mamba"),
        (["metric=[dsa,ckaa]"], "metric=ckaa is unknown; did you mean cka"),
        (["model.hiden=3"], "no setting model.hiden in .*; did you mean model.hidden"),
        (["model=mamba", "model.hidden=3"], "no setting model.hidden"),
        (["task.timing.train.stimulis=[1]"], "did you mean task.timing.train.stimulus"),
        (["noise=[0"], "Could not read the command line"),
    ],
)
def test_slips(typed: list[str], message: str) -> None:
    with pytest.raises(DynalignError, match=message):
        check_overrides(typed, CONF, "train")


@pytest.mark.parametrize(
    "typed",
    [
        [],
        ["-m", "model=rnn,mamba", "noise=0,0.1"],
        ["model=gru", "task=gonogo", "noise=0.3", "perturbation=recurrent", "seed=3"],
        ["-m", "seed=range(0,3)", "metric=dsa", "metric.dsa.rank=10,20"],
        ["experiment=study", "+trainer.epochs=3", "hydra.sweep.dir=x", "logger=none"],
        ["metric=[dsa,cka]", "callbacks=[dissimilarity,early_stopping]"],
        ["-m", "curriculum=glob(*)"],
    ],
)
def test_what_is_right_passes(typed: list[str]) -> None:
    check_overrides(typed, CONF, "train")


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (["metric=[dsa,ckaa]"], "metric=ckaa is unknown; did you mean cka"),
        (["-m", "testcase=families,nois"], r"testcase=nois is unknown; did you mean noise\?"),
        (["protocol=publishd"], "did you mean published"),
        (["testcase.noise.level=[1]"], r"no setting testcase.noise.level in conf/testcase.yaml; did you mean"),
        (["testcase=families", "testcase.noise.levels=[1]"], "no setting testcase.noise.levels"),
        (["limitt=3"], r"did you mean limit\?"),
        (["model=rnn"], "model is no choice of testcase.py; there is logger, metric, protocol, search, testcase"),
        (["experiment=study"], "experiment is no choice of testcase.py"),
    ],
)
def test_slips_of_the_test_case(typed: list[str], message: str) -> None:
    with pytest.raises(DynalignError, match=message):
        check_overrides(typed, CONF, "testcase")


def test_a_choice_of_the_other_command_is_refused() -> None:
    with pytest.raises(DynalignError, match=r"testcase is no choice of train\.py"):
        check_overrides(["testcase=noise"], CONF, "train")


@pytest.mark.parametrize(
    "typed",
    [
        [],
        ["-m", "metric=dsa,cka,procrustes", "testcase=families,noise,composition", "seed=0,1,2"],
        ["metric=[dsa,dsa_metric]", "testcase=families", "protocol=published", "limit=3"],
        ["-m", "metric=dsa", "metric.dsa.rank=3,10,20", "testcase=noise", "testcase.noise.levels=[0.1,0.2]"],
        ["-m", "search=dsa", "hydra.sweeper.n_trials=3"],
    ],
)
def test_what_is_right_passes_as_a_test_case(typed: list[str]) -> None:
    check_overrides(typed, CONF, "testcase")


def the_case(tmp_path: Path, *overrides: str) -> testcase.Job:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("testcase", overrides=[f"store={tmp_path}", *overrides], return_hydra_config=True)
    choices = config.hydra.runtime.choices
    OmegaConf.set_struct(config, False)
    del config["hydra"]
    return testcase.build_job(config, choices=choices, root=ROOT)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["metric.cka.kernel=3"], "metric.cka.kernel=3 in conf/metric/cka.yaml has the wrong type"),
        (
            ["+metric.cka.kernal=rbf"],
            "metric.cka.kernal is no setting of CKA .conf/metric/cka.yaml.; did you mean kernel",
        ),
        (["testcase.noise.levels=[0.3,0.1]"], "must rise"),
        (["testcase.noise.families=[ring,lien]"], "no family lien"),
        (["testcase.composition.pairs_per_kind=0"], "pairs_per_kind=0 must be at least 1"),
        (["protocol.trials=0"], "trials >= 1"),
        (["protocol.starts=same"], "protocol.starts='same' in conf/protocol/corrected.yaml has the wrong type"),
        (["seed=-1"], "seed=-1 must be a whole number >= 0"),
        (["seed=0.5"], "seed=0.5 must be a whole number"),
        (["limit=0"], "limit=0 must be a number of seconds above 0"),
        (["objective=composition.rho"], "objective=composition.rho is no criterion of these test cases; did you mean"),
        (["metric=[]"], "choose at least one metric"),
    ],
)
def test_settings_of_a_test_case_are_checked(tmp_path: Path, overrides: list[str], message: str) -> None:
    with pytest.raises(DynalignError, match=message):
        the_case(tmp_path, *overrides)


def test_the_objective_is_the_first_headline_unless_named(tmp_path: Path) -> None:
    assert the_case(tmp_path).objective == ("families", "auc")
    assert the_case(tmp_path, "testcase=composition").objective == ("composition", "rho_unordered")
    assert the_case(tmp_path, "objective=composition.fall").objective == ("composition", "fall")


def test_two_settings_of_one_metric_do_not_fit_into_a_table_of_runs(tmp_path: Path) -> None:
    with pytest.raises(DynalignError, match=r"metric=\[dsa,dsa_low_rank\] are both dsa"):
        job(tmp_path, "metric=[dsa,dsa_low_rank]")


def job(tmp_path: Path, *overrides: str):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("train", overrides=[f"store={tmp_path}", *overrides], return_hydra_config=True)
    choices = config.hydra.runtime.choices
    OmegaConf.set_struct(config, False)
    del config["hydra"]
    return build_job(config, choices=choices, overrides=list(overrides), root=ROOT)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.hidden=abc", r"model.hidden='abc' in conf/model/rnn.yaml has the wrong type: .* integer"),
        ("+model.hiden=3", r"model.hiden is no setting of LeakyRNN \(conf/model/rnn.yaml\); did you mean hidden\?"),
        ("+metric.cka.rank=3", r"metric.cka.rank is no setting of CKA \(conf/metric/cka.yaml\); there is bandwidth, "),
        ("model._target_=dynalign.models.LSTM", "model._target_=dynalign.models.LSTM .* cannot be imported"),
        ("representation.basis=mine", "representation.basis='mine' .* has the wrong type"),
        ("noise=-1", "noise=-1 is no standard deviation"),
        ("model.activation=rleu", "did you mean relu"),
        ("representation.rule=bsic", "bsic"),
    ],
)
def test_bad_configs(tmp_path: Path, override: str, message: str) -> None:
    with pytest.raises(DynalignError, match=message):
        job(tmp_path, override)


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        (["metric=[dsa,soft_matching]"], "soft_matching"),
        (["metric=pwcca"], "pwcca"),
        (["metric=rsa", "metric.rsa.dissimilarity=correlation", "representation.basis=common"], "rsa"),
    ],
)
def test_principal_components_are_no_single_units(tmp_path: Path, overrides: list[str], name: str) -> None:
    message = f"metric={name}, .* representation.components=20 turns them .*; use representation.components=null"
    with pytest.raises(DynalignError, match=message):
        job(tmp_path, *overrides)
    units = job(tmp_path, *overrides, "representation.components=null")
    assert units.metrics[-1].name == name


def test_metrics_that_ignore_rotations_take_components(tmp_path: Path) -> None:
    assert len(job(tmp_path, "metric=[dsa,cka,procrustes,cca,svcca,rsa,causal_ot]").metrics) == 7


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_has_a_config(name: str) -> None:
    node = OmegaConf.load(CONF / "metric" / f"{name}.yaml")
    assert get_object(node._target_) is METRICS[name]


@pytest.mark.parametrize("path", sorted(CONF.rglob("*.yaml")), ids=lambda path: str(path.relative_to(CONF)))
def test_every_config_says_what_it_is_and_fits_its_target(path: Path) -> None:
    lines = [line for line in path.read_text().splitlines() if not line.startswith("# @package")]
    assert lines[0].startswith("# ")
    node = OmegaConf.load(path)
    if "_target_" in node:
        assert len(lines) < 20
        with initialize_config_dir(str(CONF), version_base="1.3"):
            whole = compose("train")
        OmegaConf.set_struct(whole, False)
        check_config(OmegaConf.merge(OmegaConf.create({"noise": 0.0, "reference": "initial"}), whole, {"x": node}), {})


def test_names_and_keys(tmp_path: Path) -> None:
    base = job(tmp_path)
    assert base.label.run == "rnn-noise0-seed0"
    assert job(tmp_path, "noise=0.1", "curriculum=full", "seed=2").label.run == "rnn-noise0.1-seed2-full"
    same = ["metric=cka", "reference=final", "logger=none", "perturbation=recurrent", "representation.components=5"]
    assert all(job(tmp_path, override).spec.key == base.spec.key for override in same)
    assert job(tmp_path, "perturbation=representation", "noise=0.5").spec.key == base.spec.key
    other = ["noise=0.1", "seed=1", "model=gru", "model.hidden=32", "curriculum=full", "trainer.epochs=3"]
    keys = {job(tmp_path, override).spec.key for override in other}
    assert len(keys) == len(other)
    assert base.spec.key not in keys


def test_study_and_all_choices_build(tmp_path: Path) -> None:
    study = job(tmp_path, "experiment=study")
    assert study.spec.training.epochs == 50
    assert study.metrics[0].n_delays == 33
    for curriculum in sorted(path.stem for path in (CONF / "curriculum").glob("*.yaml")):
        assert job(tmp_path, f"curriculum={curriculum}").label.curriculum == curriculum
    for task in ("pdm", "gonogo"):
        for model in ("rnn", "gru", "mamba"):
            assert job(tmp_path, f"task={task}", f"model={model}").label.task == task
