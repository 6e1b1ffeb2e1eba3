"""Is a heat map better than maps that know nothing? The verdict in words, with the numbers beside it."""

import time
from dataclasses import dataclass, field

from core.explain.words import capital, share


@dataclass(frozen=True, eq=False)
class Verdict:
    """Whether a map beats maps that know nothing. kind: "good", "mixed", "bad" or "unknown"."""

    kind: str
    title: str
    sentence: str
    rows: list = field(default_factory=list)  # [name, deletion, insertion, ROAD, won]: this map first; won of 3, None for itself
    seconds: float = 0.0

    def as_dict(self):
        keys = ("map", "deletion", "insertion", "road", "beaten_in")
        return {"verdict": self.kind, "title": self.title, "sentence": self.sentence, "scores": [dict(zip(keys, row, strict=True)) for row in self.rows]}


RANDOM_MAPS = 4
RULERS = ("a random map", "an edge detector", "a blob in the middle")


def judge(question, heat):
    """Compare a Heat with random maps, an edge detector and a centred blob on this photo -> Verdict; a generator.

    Three measures each: deletion (lower is better), insertion and ROAD (higher is better). A ruler is beaten when the
    map wins at least two of the three by more than 0.01, and by more than the spread of the random maps.
    """
    import numpy as np

    from core.explain import metrics

    start = time.perf_counter()
    if heat.broken:
        return Verdict("unknown", "Nothing to believe", "There is no map to judge. " + heat.note)
    picture = np.ascontiguousarray(question.picture[0].cpu().numpy())
    blank = np.broadcast_to(picture.mean((1, 2), keepdims=True), picture.shape)
    blurred = metrics.blurred(picture)
    p, p_blank, p_blurred = question.chance(np.stack([picture, blank, blurred]))
    if p - min(p_blank, p_blurred) < 0.1:
        said = f"The model gives {question.topic} {share(p)} with the photo and {share(max(p_blank, p_blurred))} without it"
        return Verdict("unknown", "Cannot be judged", f"{said}: hiding parts of the photo can hardly change that. Choose a class the model sees.")
    size, grid = picture.shape[1:], heat.grid if max(heat.grid) < 64 else (14, 14)
    maps = [heat.heat, *(metrics.random_map(size, grid, seed) for seed in range(RANDOM_MAPS)), metrics.edges(picture, grid), metrics.blob(size)]
    measured = []
    for k, one in enumerate(maps):
        deleted = metrics.deletion(one, picture, blank, question.chance)
        yield 3 * k + 1, 3 * len(maps)
        inserted = metrics.insertion(one, picture, blurred, question.chance)
        yield 3 * k + 2, 3 * len(maps)
        measured.append((deleted, inserted, metrics.road(one, picture, question.chance, cell=max(1, size[0] // 56))))
        yield 3 * k + 3, 3 * len(maps)
    return _verdict(question, np.array(measured), time.perf_counter() - start)


def _verdict(question, measured, seconds):
    """measured: (1 + RANDOM_MAPS + 2, 3) deletion, insertion, ROAD of this map, of the random maps, of edges and of the blob."""
    import numpy as np

    luck = measured[1 : 1 + RANDOM_MAPS]
    rulers = [luck.mean(0), measured[-2], measured[-1]]
    margins = [np.maximum(0.01, luck.std(0)), np.full(3, 0.01), np.full(3, 0.01)]
    better = measured[0] * (-1, 1, 1)
    wins = [int((better > ruler * (-1, 1, 1) + margin).sum()) for ruler, margin in zip(rulers, margins, strict=True)]
    rows = [["this map", *map(float, measured[0]), None]]
    rows += [[name, *map(float, ruler), won] for name, ruler, won in zip(RULERS, rulers, wins, strict=True)]
    beaten = [name for name, won in zip(RULERS, wins, strict=True) if won >= 2]
    unbeaten = [name for name in RULERS if name not in beaten]
    about = f"{question.topic} hangs on what it marks"
    if not unbeaten:
        said = ("good", "Deserves belief on this photo", f"{about}, more than on what a random map, an edge detector or a blob in the middle marks")
    elif RULERS[0] in beaten:
        said = ("mixed", "Believe it with care", f"{about} more than with a random map, but {' and '.join(unbeaten)} did as well")
    else:
        said = ("bad", "No better than chance", f"hiding and showing what it marks changes {question.topic} no more than a random map does")
    kind, title, sentence = said
    return Verdict(kind, title, f"{capital(sentence)} ({sum(wins)} of 9 comparisons won).", rows, seconds)


def scores_table(verdict):
    """Verdict -> Markdown table of its scores; "" if it has none."""
    if not verdict.rows:
        return ""
    lines = ["| | deletion &#8595; | insertion &#8593; | ROAD &#8593; | beaten |", "|---|---|---|---|---|"]
    lines += [f"| {name} | {d:.2f} | {i:.2f} | {r:+.2f} | {'' if won is None else f'{won} of 3'} |" for name, d, i, r, won in verdict.rows]
    return "\n".join([*lines, "", SCORES])


SCORES = """*Deletion*: the mean probability while the hottest places are hidden, less is better. *Insertion*: while they come into a blurred photo,
more is better. *ROAD*: how much less is left of it without the hottest places than without the coldest, more is better."""
