"""Slips on the command line get one clear sentence, before anything is composed or trained."""

from __future__ import annotations

from pathlib import Path

import pytest

from dynalign.cli import CONF
from dynalign.cli.check import check_command_line
from dynalign.errors import DynalignError


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (["nosie=0.1"], r"no setting nosie in train.yaml; did you mean noise\?"),
        (["model=xyzzy"], r"^model=xyzzy is unknown; there is gru, mamba, rnn\.$"),
        (["model=rn"], r"model=rn is unknown; did you mean rnn\? There is gru, mamba, rnn"),
        (["-m", "model=rnn,mmba"], "model=mmba is unknown; did you mean mamba"),
        (["metric=[dsa,ckaa]"], "metric=ckaa is unknown; did you mean cka"),
        (["-m", "metric=dsa,[cka,procrusts]"], "metric=procrusts is unknown; did you mean procrustes"),
        (["model.hiden=3"], "no setting model.hiden in .*; did you mean model.hidden"),
        (["model=mamba", "model.hidden=3"], "no setting model.hidden"),
        (["-m", "model=rnn,mamba", "model.hidden=8"], "no setting model.hidden with model=mamba, only with model=rnn"),
        (
            ["-m", "model=mamba,gru", "model.d_model=8,16"],
            "no setting model.d_model with model=gru, only with model=mamb",
        ),
        (["task.timing.train.stimulis=[1]"], "did you mean task.timing.train.stimulus"),
        (["noise=[0"], r"Could not read noise=\[0"),
        (["store=a#b"], r"^Could not read store=a#b; quote a value .* twice, as in 'store=\"my, store\"'\.$"),
        (["store=李明"], r"^Could not read store=李明; quote a value"),
        (["noise=0,0.1"], "noise=0,0.1 asks for several jobs; type -m before it"),
        (["model=rnn,gru"], "model=rnn,gru asks for several jobs; type -m before it"),
        (["model=null"], "model=null is no choice; there is gru, mamba, rnn"),
        (["model=3"], "model=3 is no choice; there is gru"),
        (["task=true"], "task=true is no choice; there is delayed_match, flip_flop, gonogo"),
        (["testcase=noise"], "testcase is no choice of train; there is callbacks, "),
        (["~modl"], "no setting modl in train.yaml; did you mean model"),
        (["~noise"], "train.yaml needs noise; it cannot be deleted"),
        (["~model"], "train needs a model; there is gru, mamba, rnn"),
        (["+foo=1"], "There is no setting foo in train.yaml; there is"),
        (["+nosie=0.3"], "There is no setting nosie in train.yaml; did you mean noise"),
        (["model=[]"], "model takes one name, not a list; there is gru, mamba, rnn"),
        (["task=[pdm]"], "task takes one name, not a list"),
        (["-m", "model=rnn,[]"], "model takes one name, not a list"),
        (["-m", "seed=0,abc"], "seed=abc must be a whole number >= 0"),
        (["-m", "noise=0,-1"], "noise=-1 is no standard deviation"),
        (["noise=null"], "noise=null in the command line has the wrong type"),
        (["curriculum.tarket=anti"], "There is no setting curriculum.tarket"),
        (["experiment=stdy"], "experiment=stdy is unknown; did you mean study"),
        (["hydra/launcher=jobl"], "hydra/launcher=jobl is unknown"),
        (["--config-dir=nowhere"], "--config-dir=nowhere is no folder"),
        (["noise=0", "--config-dir", "nowhere"], "--config-dir=nowhere is no folder"),
        (["-m", "--cfg", "job"], "--multirun and --cfg exclude each other"),
        (["--config-name=trian"], "There is no config trian"),
        (["-m", "hydra/sweeper=optuna"], "needs to know what to optimise; type objective=accuracy"),
        (["hydra/sweeper=optuna", "objective=accuracy"], "asks for several jobs; type -m"),
    ],
)
def test_slips(typed: list[str], message: str) -> None:
    with pytest.raises(DynalignError, match=message):
        check_command_line(typed, CONF, "train")


@pytest.mark.parametrize(
    "typed",
    [
        [],
        ["model=gru", "task=gonogo", "noise=0.3", "perturbation=recurrent", "seed=3"],
        ["experiment=study", "++trainer.epochs=3", "hydra.sweep.dir=x", "logger=none"],
        ["experiment=study", "metric=cka"],
        ["metric=[dsa,cka]", "callbacks=[dissimilarity,early_stopping]"],
        ["logger=[wandb,csv]"],
        ["callbacks=early_stopping"],
        ["~callbacks"],
        ["+trainer.foo=1"],
        ["--cfg", "job"],
        ["--help"],
    ],
)
def test_what_is_right_passes(typed: list[str]) -> None:
    assert check_command_line(typed, CONF, "train").arguments == typed


@pytest.mark.parametrize(
    ("typed", "jobs"),
    [
        (["-m", "model=rnn,mamba", "noise=0,0.1"], 4),
        (["-m", "seed=range(0,3)", "metric=dsa", "metric.dsa.rank=10,20"], 6),
        (["-m", "curriculum=glob(*)"], 11),
        (["--multirun", "model=rnn"], 1),
        (["-m", "hydra/sweeper=optuna", "objective=accuracy", "noise=0,0.1"], None),
    ],
)
def test_jobs_are_known_beforehand(typed: list[str], jobs: int | None) -> None:
    expected = check_command_line(typed, CONF, "train").expected
    assert (None if expected is None else len(expected)) == jobs


def test_where_choices_are_too_many_each_is_composed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["-m", "model=rnn,gru", "task=pdm,gonogo", "seed=range(100)"]
    assert check_command_line(words, CONF, "train").composed
    monkeypatch.setattr("dynalign.cli.check._MOST", 3)
    assert not check_command_line(words, CONF, "train").composed
    with pytest.raises(DynalignError, match="task=nosuch is unknown"):
        check_command_line(["-m", "model=rnn,gru", "task=pdm,nosuch"], CONF, "train")


@pytest.mark.parametrize(
    ("typed", "given"),
    [
        ("logger=null", ["logger=none"]),
        ("callbacks=null", ["~callbacks"]),
        ("experiment=null", []),
        ("callbacks=", ["~callbacks"]),
    ],
)
def test_what_may_be_switched_off(typed: str, given: list[str]) -> None:
    assert check_command_line([typed], CONF, "train").arguments == given


def test_a_setting_that_its_file_leaves_out_can_be_set() -> None:
    """``Curriculum`` has a target, which no file of a curriculum mentions."""
    typed = check_command_line(["-m", "curriculum.target=anti,basic", "seed=0"], CONF, "train")
    assert typed.arguments == ["-m", "++curriculum.target=anti,basic", "seed=0"]
    assert typed.expected == [["++curriculum.target=anti", "seed=0"], ["++curriculum.target=basic", "seed=0"]]


def test_a_file_that_hides_its_neighbours_is_refused(tmp_path: Path) -> None:
    (tmp_path / "metric").mkdir()
    (tmp_path / "metric" / "mine.yaml").write_text("_target_: dynalign.metrics.CKA\n")
    for choice in ("mine", "[mine,dsa]"):
        with pytest.raises(DynalignError, match=r"does not begin with the line '# @package metric\.<its name>'"):
            check_command_line([f"--config-dir={tmp_path}", f"metric={choice}"], CONF, "train")


def test_folders_of_a_users_own(tmp_path: Path) -> None:
    (tmp_path / "metric").mkdir()
    (tmp_path / "metric" / "mine.yaml").write_text("# @package metric.mine\n_target_: dynalign.metrics.CKA\n")
    for typed in (
        [f"--config-dir={tmp_path}", "metric=mine"],
        ["--config-dir", str(tmp_path), "metric=[mine,cka]"],
        ["noise=0", f"--config-dir={tmp_path}", "metric=mine"],
        [f"hydra.searchpath=[file://{tmp_path}]", "metric=mine"],
    ):
        check_command_line(typed, CONF, "train")
    with pytest.raises(DynalignError, match="metric=mne is unknown; did you mean mine"):
        check_command_line([f"--config-dir={tmp_path}", "metric=mne"], CONF, "train")
    with pytest.raises(DynalignError, match="metric=mine is unknown"):
        check_command_line(["metric=mine"], CONF, "train")


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (["metric=[dsa,ckaa]"], "metric=ckaa is unknown; did you mean cka"),
        (["-m", "testcase=families,nois"], r"testcase=nois is unknown; did you mean noise\?"),
        (["simulation=publishd"], "did you mean published"),
        (["testcase.noise.level=[1]"], r"no setting testcase.noise.level in testcase.yaml; did you mean"),
        (["testcase=families", "testcase.noise.levels=[1]"], "no setting testcase.noise.levels"),
        (["limitt=3"], r"did you mean limit\?"),
        (["model=rnn"], "model is no choice of testcase; there is logger, metric, search, simulation, testcase"),
        (["experiment=study"], "experiment is no choice of testcase"),
        (["search=dsa"], "asks for several jobs; type -m"),
    ],
)
def test_slips_of_the_test_case(typed: list[str], message: str) -> None:
    with pytest.raises(DynalignError, match=message):
        check_command_line(typed, CONF, "testcase")


@pytest.mark.parametrize(
    "typed",
    [
        [],
        ["-m", "metric=dsa,cka,procrustes", "testcase=families,noise,composition", "seed=0,1,2"],
        ["metric=[dsa,dsa_metric]", "testcase=families", "simulation=published", "limit=3"],
        ["-m", "metric=dsa", "metric.dsa.rank=3,10,20", "testcase=noise", "testcase.noise.levels=[0.1,0.2]"],
        ["-m", "search=dsa", "hydra.sweeper.n_trials=3"],
    ],
)
def test_what_is_right_passes_as_a_test_case(typed: list[str]) -> None:
    assert check_command_line(typed, CONF, "testcase").arguments == typed


@pytest.mark.parametrize(
    "values", ["interval(0.001,0.02)", "choice(0.001,0.02)", "range(1,3)", "tag(log,interval(0.001,0.02))"]
)
def test_a_search_over_any_kind_of_range(values: str) -> None:
    search = ["-m", "hydra/sweeper=optuna", "objective=accuracy", f"trainer.learning_rate={values}"]
    assert check_command_line(search, CONF, "train").expected is None
