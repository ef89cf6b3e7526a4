"""Layer names that fit into a picture, their numbers, and which of many are named.

Pure functions, no matplotlib.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from infoplane.analysis.estimators.spec import traits_of
from infoplane.errors import InputError
from infoplane.plane import Plane


def layer_marks(names: Sequence[str]) -> list[str]:
    """Return what stands beside the last mark of each layer.

    Its number, or its name where names are numbers already.

    Example:
        >>> layer_marks(["fc1", "fc2"]), layer_marks(["0", "2", "4"])
        (['1', '2'], ['0', '2', '4'])
    """
    if all(name.isdigit() and len(name) < 4 for name in names):
        return list(names)
    return [str(index + 1) for index in range(len(names))]


def numbered_names(names: Sequence[str], labels: Sequence[str]) -> list[str]:
    """Return labels of layers with their numbers before them, unless names are numbers already.

    Args:
        names: the layers.
        labels: their names as they are shown, one for each.

    Example:
        >>> numbered_names(["fc1", "fc2"], ["fc1", "fc2 [pca:16]"])
        ['1  fc1', '2  fc2 [pca:16]']
        >>> numbered_names(["0", "2"], ["0", "2"])
        ['0', '2']
    """
    marks = layer_marks(names)
    if marks == list(names):
        return list(labels)
    return [f"{mark}  {label}" for mark, label in zip(marks, labels, strict=True)]


def named(n: int, most: int) -> list[int]:
    """Return places of the layers that are named where ``most`` names fit, at least 2.

    All ``n``, or the first, every second or third ... and the last.

    Example:
        >>> named(3, 8), named(100, 4), named(10, 5)
        ([0, 1, 2], [0, 33, 66, 99], [0, 3, 6, 9])
        >>> named(12, 5)  # nearer than 3 to the last is none
        [0, 3, 6, 11]
    """
    if n <= most:
        return list(range(n))
    stride = -(-(n - 1) // (most - 1))
    return [*range(0, n - stride, stride), n - 1]


def short_names(names: Sequence[str], width: int = 24) -> list[str]:
    """Return layer names of at most ``width`` characters, all different.

    Where one is longer, every name loses the dotted start that most share. A name that is still too
    long loses the end that all share, then words in its middle: no number, not its last part, and
    no word that alone tells it from another name. Control characters become spaces.

    Args:
        names: layers, as the network calls them.
        width: characters, at least 8.

    Example:
        >>> stages = [f"convnextv2.encoder.stages.{k}.layers.0" for k in range(3)]
        >>> short_names([*stages, "classifier"], 16)
        ['…0.layers.0', '…1.layers.0', '…2.layers.0', 'classifier']
        >>> short_names(["encoder.block.0.mlp", "encoder.block.1.mlp", "decoder.block.0.mlp"], 16)
        ['encoder.block.0…', 'encoder.block.1…', 'decoder.block.0…']
        >>> short_names(["a_very_long_name_of_a_single_module"], 16)
        ['a_very_…_module']
    """
    if width < 8:
        raise InputError(f"expected room for at least 8 characters, got {width}")
    shorts = [_printable(name) or f"layer {index}" for index, name in enumerate(names)]
    if max(map(len, shorts), default=0) > width:
        shorts = _shorten(shorts, width)
    unique: list[str] = []
    for index, short in enumerate(shorts):
        number = f" ({index})"
        unique.append(short[: width - len(number)] + number if short in unique else short)
    return unique


def _printable(name: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in name).strip()


Parts = list[str]
"""A name cut behind its dots: ``["block.", "0.", "attn"]``; a part that is left out is ``…``."""
Pattern = tuple[str, ...]
"""Parts with ``#`` for every number."""


def _shorten(names: Sequence[str], width: int) -> list[str]:
    dotted = len(names) == 1 or any("." in name or "/" in name for name in names)
    part = r"[^./]*[./]|[^./]+" if dotted else "[^_]*_|[^_]+"
    parts = [re.findall(part, name) for name in names]
    needed = _needed(parts)
    starts = _shared_starts(parts, needed)
    shown = parts
    for most in range(max(starts) + 1):
        shown = [
            _left_out(name, min(start, most)) for name, start in zip(parts, starts, strict=True)
        ]
        if max(len(_joined(name)) for name in shown) <= width:
            break
    else:
        least = min(len(name) - start for name, start in zip(parts, starts, strict=True))
        end = _shared_end(parts, least - 1)
        shown = [_left_out(name[::-1], end)[::-1] for name in shown]
    shorts = [_fit(name, kept, width) for name, kept in zip(shown, needed, strict=True)]
    counts = Counter(shorts)
    for index, short in enumerate(shorts):
        if counts[short] > 1:  # keep every part, and cut the longest
            shorts[index] = _fit(shown[index], [True] * len(shown[index]), width)
    return shorts


def _left_out(parts: Parts, count: int) -> Parts:
    """Return the parts with an ellipsis for each of the first ``count``."""
    return ["…"] * count + parts[count:]


def _needed(parts: Sequence[Parts]) -> list[list[bool]]:
    """Return which parts of every name tell it from another name: by a number, or alone."""
    patterns = list(map(_pattern, parts))
    others = Counter[Pattern]()
    for pattern in set(patterns):
        others.update(_without(pattern, place) for place in range(len(pattern)))
    numbered: dict[Pattern, set[str]] = {}
    for name, pattern in zip(parts, patterns, strict=True):
        for place, part in enumerate(name):
            numbered.setdefault(pattern[: place + 1], set()).add(part)
    needed = []
    for pattern in patterns:
        places = range(len(pattern))
        heads = [pattern[: place + 1] for place in places]
        by_number = [len(numbered[head]) > 1 for head in heads]
        alone = [others[_without(pattern, place)] > 1 for place in places]
        needed.append(list(map(max, by_number, alone)))
    return needed


def _pattern(name: Parts) -> Pattern:
    return tuple(re.sub(r"\d+", "#", part) for part in name)


def _without(pattern: Pattern, place: int) -> Pattern:
    return (*pattern[:place], "", *pattern[place + 1 :])


def _shared_starts(parts: Sequence[Parts], needed: Sequence[list[bool]]) -> list[int]:
    """Return how many leading parts of every name all names share, or most without needing them."""
    counts = Counter[Pattern]()
    for name in parts:
        counts.update(tuple(name[:length]) for length in range(1, len(name)))
    starts = []
    for name, kept in zip(parts, needed, strict=True):
        start = 0
        for length in range(1, len(name)):
            share = counts[tuple(name[:length])] / len(parts)
            if share == 1 or (share > 0.5 and not any(kept[:length])):
                start = length
        starts.append(start)
    return starts


def _shared_end(parts: Sequence[Parts], most: int) -> int:
    """Return how many last parts all names share, at most ``most``."""
    for length in range(most, 0, -1):
        if len({tuple(name[-length:]) for name in parts}) == 1:
            return length
    return 0


def _fit(parts: Parts, needed: Sequence[bool], width: int) -> str:
    """Leave out parts that are not needed, the longest first, then cut the longest words."""
    shown = list(parts)
    spare = [place for place, kept in enumerate(needed[:-1]) if not kept]
    for place in sorted(spare, key=lambda place: -len(parts[place])):
        if len(_joined(shown)) > width:
            shown[place] = "…"
    text = _joined(shown)
    while (excess := len(text) - width) > 0:
        word = max(re.findall(r"[^\d./…]+", text), key=len, default="")
        if len(word) < 4:
            return _cut(text, width)
        text = text.replace(word, _cut(word, max(3, len(word) - excess)), 1)
    return text


def _joined(parts: Parts) -> str:
    return re.sub(r"[._/]?(…[._/]?)+", "…", "".join(parts))


def _cut(text: str, width: int) -> str:
    kept = (width - 1) // 2
    return f"{text[:kept]}…{text[-kept:]}"


def layer_labels(
    plane: Plane, layers: Sequence[str], width: int = 24, *, estimator: str = ""
) -> list[str]:
    """`short_names` of layers, with the reduction where what is drawn is not the layer itself.

    ``fc2 [pca:16]``.

    ``fc2 [whole]`` where the estimator saw the whole layer and the archive keeps its reduction.

    Args:
        plane: knows the reductions of the layers.
        layers: their names.
        width: characters of a name.
        estimator: the spec that is drawn.
    """
    whole = bool(estimator) and traits_of(estimator).wants == "row hashes"
    specs = [plane.reductions.get(layer, "none") for layer in layers]
    specs = ["whole" if whole and spec != "none" else spec for spec in specs]
    return [
        name if spec == "none" else f"{name} [{spec}]"
        for name, spec in zip(short_names(layers, width), specs, strict=True)
    ]
