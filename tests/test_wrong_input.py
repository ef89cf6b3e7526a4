"""Mistyped commands: what was expected, what came, and what to do."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import infoplane as ip
from infoplane import cli


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of three checkpoints, its plane, its packed file, a plane whose run is
    elsewhere, and other files.
    """
    here = tmp_path_factory.mktemp("desk")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 4)).astype(np.float32)
    steps = {s: {"act1": np.tanh(x * (s + 1)), "act2": np.tanh(x[:, :2])} for s in (0, 1, 5)}
    run = here / "runs" / "one" / "run"
    run.parent.mkdir(parents=True)
    archive = ip.from_arrays(steps, x=x, y=np.arange(60) % 3, to=run)
    plane = ip.measure(archive, ["bin:szt", "exact"])
    plane.save(here / "runs" / "one" / "plane.h5")
    shutil.copytree(run, here / "measured")
    plane.save(here / "measured" / "plane.h5")
    (here / "lost").mkdir()
    plane.save(here / "lost" / "plane.h5")
    ip.archive.pack(run, here / "packed.h5")
    (here / "empty").mkdir()
    (here / "note.txt").write_text("not an archive", encoding="utf-8")
    np.savez(here / "nothing.npz", y=np.arange(3))
    np.savez(here / "x2.npz", x=x)
    (here / "v2_300.pt").write_bytes(b"never read")
    np.savez(here / "named.npz", features=x, target=np.arange(60) % 3)
    return here


RUN, PLANE = "runs/one/run", "runs/one/plane.h5"
CASES = [
    # commands and options
    ("mesure RUN", "No such command 'mesure'. Did you mean 'measure'"),
    ("chek RUN", "Did you mean 'check'?"),
    ("between RUN", "No such command 'between'"),
    ("measure RUN --workrs 2", "--workers"),
    ("measure", "Missing argument"),
    ("plot PLANE", "Missing option '-o' / '--output'"),
    ("measure RUN --workers two", "Invalid value for '--workers' / '-w': expected a whole number"),
    ("check PLANE --alpha small", "Invalid value for '--alpha': expected a number"),
    # numbers out of range
    ("measure RUN --workers 0", "expected a whole number from 1 up, got 0"),
    ("check RUN --workers -3", "expected a whole number from 1 up, got -3"),
    ("measure RUN --errorbars -1", "expected a whole number from 0 up, got -1"),
    ("measure RUN --null -5", "expected a whole number from 0 up, got -5"),
    ("measure RUN --seed -1", "expected a whole number from 0 up, got -1"),
    ("measure RUN --follow --max-overhead 0", "max_overhead is a share of the time above 0"),
    ("check PLANE --alpha 2", "alpha is a level between 0 and 1, got 2.0"),
    ("check PLANE --permutations -1", "expected a whole number from 0 up, got -1"),
    ("phases RUN --splits 0", "expected a whole number from 1 up, got 0"),
    ("held-out RUN --divisions -1", "expected a whole number from 0 up, got -1"),
    ("calibrate -n 1", "expected a whole number from 2 up, got 1"),
    ("calibrate --seeds 0", "expected a whole number from 1 up, got 0"),
    ("replicate szt2017 --seeds 0", "expected a whole number from 1 up, got 0"),
    ("demo --epochs 0", "expected a whole number from 1 up, got 0"),
    ("watch RUN --port 99999", "expected a port from 1 to 65535, got 99999"),
    # what is not there
    ("info runs/one/rnu", "no such file or folder; did you mean 'run'?"),
    ("check missing", "missing: no such file or folder"),
    ("info note.txt", "note.txt"),
    ("plot note.txt -o a.png", "note.txt"),
    ("measure empty", "not a run: it has no run.json"),
    # a folder above a run, a part of a run, a plane in place of a run
    ("check runs", "below it lie runs/one/run; give one of them"),
    ("plot runs/one -o a.png", "below it lie runs/one/run, runs/one/plane.h5"),
    ("measure runs/one", "for example runs/one/run"),
    ("compare runs RUN", "runs is neither a run nor a plane"),
    ("report runs -o a.html", "below it lie runs/one/run"),
    ("info RUN/ckpt", "is a part of a run; give its folder: runs/one/run"),
    ("measure RUN/run.json", "is a part of a run; give its folder: runs/one/run"),
    ("measure lost/plane.h5", "which is not next to the file; give --run RUN"),
    ("plot lost/plane.h5 -o a.png -k histograms", "not next to the file; give --run RUN"),
    ("report lost/plane.h5 -o a.html --full", "not next to the file; give --run RUN"),
    ("plot RUN -o a.png --run RUN", "is a run already; leave --run out"),
    ("watch packed.h5", "is a file; watch follows the folder that a Recorder writes to"),
    # estimators, layers, steps, cases, kinds
    ("measure RUN -e bni:szt", "did you mean 'bin'?"),
    ("measure RUN -e bin:szt2", "no such bin rule: 'szt2'"),
    ("measure RUN -e kde:varience=1", "did you mean 'variance'?"),
    ("measure RUN -e kde:variance=-1", "positive numbers, got -1"),
    ("check PLANE -e bin:stz", "with -e bin:stz to get it; did you mean 'bin:szt'?"),
    ("plot PLANE -o a.png -e kde:variance=1", "the plane has no 'kde:variance=1'"),
    ("watch RUN -e kd:variance=1", "did you mean 'kde'?"),
    ("compare RUN PLANE -e knn", "the plane has no 'knn:k=5'"),
    (
        "measure RUN --layer atc1",
        "no such layer: 'atc1'; there are act1, act2; did you mean 'act1'?",
    ),
    ("measure RUN --layer fc*", "no such layer: 'fc*'"),
    (
        "plot PLANE -o a.png --layer act3",
        "no such layer: 'act3'; there are act1, act2; did you mean",
    ),
    ("plot RUN -o a.png -k units --layer act*", "kind units is of one layer, got 2"),
    ("layer-info RUN --layer 9", "no such layer: '9'"),
    ("usable-beyond RUN --given atc2", "did you mean 'act2'?"),
    ("conditional RUN --step 4", "no such step: 4; the nearest captured step is 5"),
    ("layer-info RUN --step 4", "no such step: 4"),
    ("drift RUN --reference last", "reference is 'first', 'previous' or a captured step"),
    ("drift RUN --method guass", "expected one of auto, knn, gauss, binned, got 'guass'"),
    ("codelength RUN --family deep", "expected one of linear, mlp, knn, gaussian, got 'deep'"),
    ("invariance RUN --about inputz", "expected one of labels, inputs, got 'inputz'"),
    ("held-out RUN", "no split was recorded"),
    ("measure RUN --label colour", "colour"),
    ("calibrate -c gausian", "did you mean 'Gaussian"),
    ("replicate szt2071", "szt2071"),
    (
        "demo --task digit",
        "no such task: 'digit'; choose one of szt, digits; did you mean 'digits'?",
    ),
    ("plot PLANE -o a.png -k curve", "did you mean 'curves'?"),
    (
        "plot PLANE -o a.png --size poster",
        "expected one of column, page, a width in inches such as 3.3, got 'poster'",
    ),
    # names of outputs, before work begins
    ("plot PLANE -o a.bmp", "expected a file ending in .png, .svg, .pdf, .gif, .mp4, got 'a.bmp'"),
    ("plot PLANE -o a.gif -k curves", "expected a file ending in .png, .svg, .pdf, got 'a.gif'"),
    ("plot PLANE -o empty", "expected a file ending in"),
    ("report PLANE -o a.pdf", "expected a file ending in .html, .htm, got 'a.pdf'"),
    ("phases RUN -o a", "expected a file ending in .png, .svg, .pdf, got 'a'"),
    ("conditional RUN --csv empty", "found a folder of this name"),
    ("measure RUN -o note.txt/plane.h5", "no folder can be made there"),
    ("compare RUN PLANE -o a.jpg", "expected a file ending in .png, .svg, .pdf, got 'a.jpg'"),
    ("measure measured -e exact", "--overwrite replaces it, -o FILE writes another one"),
    # options that would have no effect
    ("check PLANE --workers 4", "is measured already; leave --workers out"),
    ("measure RUN --follow --csv a.csv", "leave --csv out"),
    ("measure RUN --max-overhead 0.1", "only --follow keeps to a share; leave --max-overhead out"),
    ("watch RUN --follow -e bin:szt", "--follow measures nothing; leave --estimator out"),
    (
        "plot PLANE -o a.png -k dpi --log",
        "kind dpi has no scale of steps; leave --log/--linear out",
    ),
    ("plot PLANE -o a.png -k curves --no-check", "marks no findings; leave --check/--no-check out"),
    (
        "plot PLANE -o a.png -k sensitivity -e exact",
        "of no single estimator; leave --estimator out",
    ),
    ("plot RUN -o a.png -k split --layer act1", "kind split is of all layers; leave --layer out"),
    ("plot RUN -o a.png -k widths --size column", "leave --size out"),
    ("calibrate --list -o a.png", "--list runs nothing; leave --output out"),
    # networks and probes
    ("capture nets -o r", "expects module:factory"),
    ("capture nets:build -o r --step-from x", "without --checkpoints nothing is read from files"),
    ("capture nets:build -o r --mode test", "expected one of eval, train, user, got 'test'"),
    ("import missing.npz -o r", "missing.npz: no such file or folder"),
    ("replay RUN -m nets:build -o r", "nets"),
    ("pack runs -o p.h5", "below it lie runs/one/run"),
    ("merge RUN missing -o m", "missing: no such file or folder"),
    # a typing error is said before anything about the files that lie there
    ("measure measured -e kde:variance", "kde:variance"),
    ("measure measured -e kde:variance=0.1,variance=0.2", "variance"),
    ("measure measured -e bin:range,n=0", "n=0"),
    ("measure measured -e bin:range,n=ten", "ten"),
    ("measure measured -e ksg:k=0", "got 0"),
    ("measure measured -e vinfo:family=tree", "tree"),
    ("measure measured --device gpu", "device 'gpu': torch cannot use it here"),
    ("measure RUN --device cuda:9", "device 'cuda:9': torch cannot use it here"),
    ("measure RUN -o a.txt", "expected a file ending in .h5, .hdf5, .nc, got 'a.txt'"),
    ("measure packed.h5 --follow", "--follow measures the folder that a Recorder writes to"),
    ("measure RUN RUN", "Got unexpected extra argument"),
    ("measure RUN --null 1.5", "Invalid value for '--null': expected a whole number"),
    ("measure note.txt", "not an HDF5 file"),
    ("check RUN --alpha nan", "alpha is a level between 0 and 1, got nan"),
    ("check PLANE --layer act1", "No such option: --layer"),
    ("check PLANE --layer act1", "check --help"),
    ("plot PLANE -o .png", "expected a file ending in .png"),
    ("plot PLANE -o a.png --xlim 5", "Option '--xlim' requires 2 arguments"),
    ("plot PLANE -o a.png --xlim 5 1", "expected xlim of two ascending numbers, got (5.0, 1.0)"),
    ("plot PLANE -o a.png --unit nat", "expected one of bits, nats, got 'nat'"),
    ("plot PLANE -o a.png --seize page", "Possible options: --size"),
    ("compare RUN", "expected at least 2 planes to compare, got 1"),
    ("compare PLANE PLANE", "runs/one/plane.h5 is given twice"),
    ("layer-info RUN --layer act1", "pairs of layers: expected at least 2, got ['act1']"),
    ("usable-beyond RUN --given act2 --layer act2", "no layer beside 'act2'"),
    ("drift RUN --reference -1", "reference is 'first', 'previous' or a captured step, got -1"),
    ("sensitivity RUN -e bin:szt", "give at least 2, got ['bin:szt']"),
    ("watch RUN --port 0", "expected a port from 1 to 65535, got 0"),
    ("watch RUN --host no.such.host.invalid", "--host 'no.such.host.invalid': no such address"),
    ("watch RUN --host two..dots", "--host 'two..dots': no such address"),
    ("capture json:dumps -o r", "is called without arguments"),
    ("capture json:nothing -o r", "has no attribute 'nothing'"),
    ("capture json:__name__ -o r", "expected a function that builds the network, got 'json'"),
    ("replay RUN -m os.path:join -o r", "is called without arguments"),
    ("pack RUN -o packed.h5", "packed.h5 exists; choose another path or give --overwrite"),
    ("import nothing.npz -o r", "--labels y"),
    ("import nothing.npz -o r --row-ids ids", "--row-ids ids: no such file"),
    ("import RUN -o r", "is a run of infoplane"),
    ("demo --out RUN", "is a run; give a folder for the demo's own run"),
    ("calibrate --bank moon", "no such bank: 'moon'"),
    ("plot RUN -o a.png -e knn:k=7", "measure it first: infoplane measure runs/one/run -e knn:k=7"),
    ("plot RUN -o a.png -e kn", "did you mean 'knn'?"),
    (
        "plot PLANE -o a.png -e knn:k=7",
        f"{RUN} -e bin:szt -e exact -e knn:k=7 -o {PLANE}",
    ),
    (
        "plot measured -o a.png -e knn:k=7",
        "measured -e bin:szt -e exact -e knn:k=7 --overwrite",
    ),
    ("plot PLANE -o a.png --label y", "infoplane measure RUN --label"),
    ("capture torch.nn:Tanh --probe x2.npz -c v2_300.pt -o r", "by --step-from, a regular"),
    ("capture torch.nn:Tanh --probe x2.npz -c v2_300.pt -o r", "such as 'ckpt(\\d+)'\n"),
    (
        "capture torch.nn:Tanh -c note.txt packed.h5 -o r",
        "quote the pattern, --checkpoints '*.txt'",
    ),
    ("capture -c empty note.txt packed.h5 -o r", "quote the pattern, --checkpoints '*'"),
    (
        "capture torch.nn:Tanh --probe named.npz -o r",
        "named.npz: holds features, target; expected x (the inputs) and y (the labels), or the "
        "arguments of the network's forward: input",
    ),
    ("--versoin", "Possible options: --version"),
]


@pytest.mark.parametrize(("typed", "message"), CASES, ids=[typed for typed, _ in CASES])
def test_wrong_input_is_told_and_exits_with_2(
    typed: str,
    message: str,
    desk: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(desk)
    before = sorted(p for p in desk.rglob("*") if "planes" not in p.parts)
    words = [w.replace("RUN", RUN).replace("PLANE", PLANE) for w in typed.split()]
    with pytest.raises(SystemExit) as ended:
        cli.app(words)
    shown = capsys.readouterr().err
    assert ended.value.code == 2, shown
    assert message in shown and "Traceback" not in shown
    after = sorted(p for p in desk.rglob("*") if "planes" not in p.parts)
    assert [p for p in after if p not in before and p.suffix] == []
