"""Layers related to one another, to the input given labels, to their past and to held-out rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import infoplane as ip
from infoplane.analysis.studies.paired_divergence import divergence
from infoplane.analysis.vocabulary import gaussian_kl, kl_binned
from infoplane.cli import app
from infoplane.errors import EstimatorError, InputError
from infoplane.types import continuous, discrete


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 rows of a 2-3-2 network at two checkpoints: the second has its first layer shifted by
    one; half of the rows are held out.
    """
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 2)).astype(np.float32)
    y = (x.sum(1) > 0).astype(int)
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, 2))
    split = np.where(np.arange(300) % 2, "train", "test")
    path = tmp_path_factory.mktemp("relations") / "run"
    with ip.Recorder(
        net,
        probe=(x, y),
        to=path,
        layers=["0", "1", "2"],
        schedule=ip.at(0, 1),
        split=split,
        verbose=False,
    ) as rec:
        with torch.no_grad():
            net[0].bias += 1.0
        rec.step(1)
    return path


def test_a_layer_matrix_holds_the_estimator_of_every_pair_and_is_symmetric(run: Path) -> None:
    archive = ip.open_archive(run)
    found = ip.layer_information(archive, "mixed:k=3")
    a, b = (continuous(archive.z(1, name)) for name in ("0", "2"))
    bits = found.bits()
    assert bits[0, 2] == bits[2, 0] == ip.estimators.MixedKSG(k=3).estimate(a, b).bits
    assert (
        bits.mask.diagonal().all() and found.step == 1 and found.layers == ("0", "1", "2")
    )  # the diagonal of values is infinite
    assert "-" in str(found) and "I(Z_i;Z_j) [bits], mixed:k=3, step 1" in str(found)


@pytest.mark.parametrize("spec", ["knn", "ksg", "mixed"])
def test_pairs_of_layers_have_errors_and_intervals_where_they_are_asked_for(
    run: Path, spec: str
) -> None:
    plain = ip.layer_information(run, spec)
    found = ip.layer_information(run, spec, errorbars=4)
    assert plain.errors().mask.all() and "standard errors" not in str(plain)
    assert (found.errors().compressed() > 0).all() and "standard errors [bits]" in str(found)
    assert all(found.estimates[pair].bits == one.bits for pair, one in plain.estimates.items())
    assert {"stderr", "low", "high"} < set(found.rows()[0])


def test_the_diagonal_of_codes_is_their_entropy_and_no_pair_exceeds_it(run: Path) -> None:
    for spec in ("exact", "bin:saxe,width=0.5"):
        bits = ip.layer_information(run, spec, step=0).bits()
        assert not bits.mask.any() if np.ndim(bits.mask) else True
        assert (bits <= np.minimum.outer(bits.diagonal(), bits.diagonal()) + 1e-9).all()


def test_pairs_that_an_estimator_refuses_say_why_and_are_masked(run: Path) -> None:
    found = ip.layer_information(
        run, "gauss", layers=["0", "2"]
    )  # 2 inputs make 3 units: the joint covariance is singular
    assert found.bits().mask.all() and "singular" in str(found)
    with pytest.raises(InputError, match="no pair of layers has a number under gauss: .*singular"):
        found.to_csv(run / "no.csv")
    with pytest.raises(InputError, match="kde.* takes no two continuous variables; for I"):
        ip.layer_information(run, "kde:variance=0.1")
    with pytest.raises(InputError, match=r"no such layers: \['9'\]"):
        ip.layer_information(run, "mixed", layers=["9"])


def test_what_a_layer_keeps_splits_into_labels_and_the_rest(run: Path) -> None:
    """I(X;Z) = I(Z;Y) + I(Z;X|Y) where Y is a function of X: an identity of tables."""
    for spec in ("exact", "bin:saxe,width=0.5"):
        plane = ip.measure(run, spec)
        for c in ip.information_given_labels(run, spec):
            both = {p.quantity: p.bits for p in plane.select(step=c.step, layer=c.layer)}
            assert c.estimate.bits == pytest.approx(both["i_xz"] - both["i_zy"], abs=1e-9)


def test_conditional_information_of_gaussians_given_a_symbol() -> None:
    """Correlation 0.8 within every class although the classes lie far apart: I(A;B|C) is that of
    one class, I(A;B) is more.
    """
    rng = np.random.default_rng(1)
    c = rng.integers(0, 3, 3000)
    a = rng.normal(size=3000)
    b = 0.8 * a + 0.6 * rng.normal(size=3000)
    values = [continuous(v + 50.0 * c) for v in (a, b)]
    e = ip.conditional_information(ip.estimators.KSG(), *values, discrete(c))
    assert (
        e.bits == pytest.approx(-0.5 * np.log2(1 - 0.64), abs=0.06)
        and "mean over 3 symbols" in e.notes[0]
    )
    assert ip.estimators.KSG().estimate(*values).bits > e.bits + 1
    gauss = ip.conditional_information(ip.estimators.Gaussian(), *values, discrete(c))
    assert gauss.stderr is not None and gauss.stderr == pytest.approx(
        0.8 / np.sqrt(3000) / np.log(2), rel=0.1
    )
    with pytest.raises(EstimatorError, match="needs a discrete condition") as caught:
        ip.conditional_information(ip.estimators.KSG(), *values, values[0])
    with pytest.raises(EstimatorError) as caught:
        ip.conditional_information(ip.estimators.KSG(), *values, discrete(np.arange(3000) // 2))
    assert "among the 2 rows of symbol 0" in " ".join(caught.value.__notes__)


@pytest.mark.parametrize("method", ["knn", "binned"])
@pytest.mark.parametrize("shift", [0.0, 0.5, 1.0])
def test_drift_of_a_shifted_gaussian_is_the_closed_form_although_the_rows_are_paired(
    method: str, shift: float
) -> None:
    rng = np.random.default_rng(2)
    q = rng.normal(size=(4000, 1))
    bits, se, how = divergence(q + shift, q, method=method, splits=4, rng=rng)  # type: ignore[arg-type]  # a literal
    assert how == method and se < 0.05
    assert bits == pytest.approx(gaussian_kl([shift], [[1.0]], [0.0], [[1.0]]), abs=0.06)


def test_drift_of_a_run_is_zero_before_the_shift_and_positive_after(run: Path) -> None:
    found = {d.layer: d for d in ip.drift(run)}
    assert (
        found["0"].bits > 1
        and found["0"].method == "knn"
        and (found["0"].reference, found["0"].step) == (0, 1)
    )
    archive = ip.open_archive(run)
    z = archive.z(0, "0").astype(np.float64)
    still, se, _ = divergence(z, z, rng=np.random.default_rng(0))
    assert abs(still) < 3 * se + 0.1
    repeats = np.repeat(z[:100], 3, axis=0)
    assert divergence(repeats, repeats, rng=np.random.default_rng(0))[2] == "binned"
    with pytest.raises(
        InputError, match="reference is 'first', 'previous' or a captured step, got 7"
    ):
        ip.drift(run, reference=7)


def test_a_binned_divergence_of_equal_samples_is_zero_and_dead_units_add_nothing() -> None:
    x = np.c_[np.random.default_rng(0).normal(size=2000), np.ones(2000)]
    assert abs(kl_binned(x, x[::-1])) < 0.02
    assert kl_binned(x + np.array([3.0, 0.0]), x) > 1


@pytest.mark.slow
def test_train_and_held_out_rows_are_equally_many_and_planted_memory_is_seen(
    run: Path, tmp_path: Path
) -> None:
    same = ip.train_and_held_out(run, "mixed", steps=[0], layers=["1"], divisions=19)[0]
    assert same.train.n == same.test.n == 150 and same.p is not None and same.p > 0.05
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 400)
    heart = np.where(
        np.arange(400) < 250, y, rng.integers(0, 2, 400)
    )  # the first 250 rows are known by heart
    net = torch.nn.Sequential(torch.nn.Identity())
    x = (heart + 0.1 * rng.normal(size=400)).astype(np.float32)[:, None]
    split = np.where(np.arange(400) < 250, "train", "test")
    with ip.Recorder(
        net, probe=(x, y), to=tmp_path / "run", layers=["0"], split=split, verbose=False
    ):
        pass
    for both in ip.train_and_held_out(
        tmp_path / "run", ("mixed", "vinfo:family=linear"), divisions=19
    ):
        assert both.train.n == both.test.n == 150
        assert both.train.bits > 0.8 and abs(both.test.bits) < 0.1 and both.p == 0.05


def test_a_layer_adds_the_other_bit_and_nothing_that_is_known_and_an_easy_layer_has_a_short_code(
    tmp_path: Path,
) -> None:
    """Layer 1 keeps the sign that is half of the label; beyond it the input adds the other half,
    and nothing beyond the input.
    """
    from infoplane.analysis.studies.usable import code_lengths, usable_beyond

    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 2)).astype(np.float32)
    y = 2 * (x[:, 0] > 0) + (x[:, 1] > 0)
    first = torch.nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        first.weight.copy_(torch.tensor([[1.0, 0.0]]))
    with ip.Recorder(
        torch.nn.Sequential(torch.nn.Identity(), first),
        probe=(x, y),
        to=tmp_path / "run",
        layers=["0", "1"],
        verbose=False,
    ):
        pass
    (adds,) = usable_beyond(tmp_path / "run", "1")
    (none,) = usable_beyond(tmp_path / "run", "0")
    assert adds.layer == "0" and 0.8 < adds.estimate.bits < 1.02 and abs(none.estimate.bits) < 0.02
    both, half = code_lengths(tmp_path / "run")
    assert (
        both.length.bits < 0.4 * both.length.uniform_bits
        and half.length.bits > 0.45 * half.length.uniform_bits
    )
    with pytest.raises(InputError, match=r"no such layers: \['x'\]; the archive has \['0', '1'\]"):
        usable_beyond(tmp_path / "run", "x")
    with pytest.raises(InputError, match=r"no such steps: \[7\]"):
        code_lengths(tmp_path / "run", steps=[7])
    with pytest.raises(InputError, match="no such family: 'deep'"):
        code_lengths(tmp_path / "run", "deep")  # type: ignore[arg-type]  # said at run time


def test_usable_information_leaves_out_where_the_given_layer_diverged(tmp_path: Path) -> None:
    from infoplane.analysis.studies.usable import usable_beyond

    rows = np.random.default_rng(0).normal(size=(80, 2))
    steps = {step: {"a": rows, "b": rows * (np.nan if step else 1)} for step in range(2)}
    labels = (rows[:, 0] > 0).astype(int)
    run = ip.from_arrays(steps, x=rows, y=labels, to=tmp_path / "run", nonfinite="keep")
    with pytest.warns(RuntimeWarning, match="b at step 1: left out"):
        (found,) = usable_beyond(run, "b", layers=["a"])
    assert (found.step, found.layer) == (0, "a")


def test_no_split_is_said(tmp_path: Path) -> None:
    with ip.Recorder(
        torch.nn.Sequential(torch.nn.Identity()),
        probe=(np.eye(8, dtype=np.float32), np.arange(8) % 2),
        to=tmp_path / "r",
        layers=["0"],
        verbose=False,
    ):
        pass
    with pytest.raises(InputError, match="no split was recorded; pass it while recording"):
        ip.train_and_held_out(tmp_path / "r")


@pytest.mark.parametrize(
    ("command", "title"),
    [
        ("layer-info", "I(Z_i;Z_j) [bits], knn:k=5"),
        ("conditional", "I(Z;X|Y) [bits], exact"),
        ("drift", "D(step || reference)"),
        ("held-out", "I(Z;Y) [bits]"),
        ("usable-beyond --given 0", "I_V(Z->Y|0) [bits], linear, held out"),
        ("codelength", "online code of the labels [bits], linear"),
    ],
)
def test_every_relation_is_a_command_with_a_table(
    run: Path, tmp_path: Path, command: str, title: str
) -> None:
    done = CliRunner().invoke(app, [*command.split(), str(run), "--csv", str(tmp_path / "t.csv")])
    assert done.exit_code == 0, done.output
    assert title in done.output and len((tmp_path / "t.csv").read_text().splitlines()) > 2


def test_the_command_measures_a_second_estimator_beside_a_single_one_and_lists_where_they_part(
    tmp_path: Path,
) -> None:
    """The label is whether |x| is large: neighbours see a bit, the Gaussian copula far less."""
    x = np.random.default_rng(0).normal(size=(400, 1)).astype(np.float32)
    y = (np.abs(x[:, 0]) > 0.67).astype(int)
    with ip.Recorder(
        torch.nn.Sequential(torch.nn.Identity()),
        probe=(x, y),
        to=tmp_path / "run",
        layers=["0"],
        verbose=False,
    ):
        pass
    both = CliRunner().invoke(app, ["measure", str(tmp_path / "run"), "-e", "ross"])
    assert both.exit_code == 0, both.output
    assert (
        "1 point where two estimators of one information disagree" in both.output
        and "I(Z;Y): gauss:copula=true says" in both.output
    )
    alone = CliRunner().invoke(
        app,
        [
            "measure",
            str(tmp_path / "run"),
            "-e",
            "ross",
            "--alone",
            "-o",
            str(tmp_path / "alone.h5"),
        ],
    )
    assert "disagree" not in alone.output
    assert ip.Plane.load(tmp_path / "alone.h5").estimators == ("ross:k=5",)
