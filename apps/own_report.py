"""How the tab "Train" shows a workshop and what came out of it, as HTML."""

import html

from core.vision import charts


def summary(shop):
    """The classes and how many photos each has, as HTML."""
    counts = shop.counts() if shop else {}
    if not counts:
        return "<p>No photos yet.</p>"
    chips = "".join(f"<li><b>{html.escape(name)}</b> {n} photo{'s' * (n != 1)}</li>" for name, n in counts.items())
    refused = "".join(f"<li>{html.escape(line)}</li>" for line in shop.refused[:8])
    return f'<ul class="chips">{chips}</ul>' + (f"<p>Left out:</p><ul>{refused}</ul>" if refused else "")


def result(trained):
    """How good it is, in words and two charts, as HTML."""
    low, high = trained.interval
    words = (
        f"<h2>{trained.accuracy:.0%} right</h2><p>{trained.right} of {trained.n} photos, each judged by a copy that had never seen it or its look-alikes. "
        f"On photos like these it would be right between {low:.0%} and {high:.0%} of the time (95 % interval). Trained in {trained.seconds:.1f} s.</p>"
    )
    confusion, reliability = charts.confusion(trained.confusion, trained.classes, trained.classifier.classes), charts.reliability(trained.bins)
    return (
        f'<div class="verdict" role="status">{words}</div><div class="charts"><figure><figcaption>What it said (columns) of what was there (rows)</figcaption>'
        f"{confusion}</figure><figure><figcaption>Is it as sure as it should be? On the line, yes</figcaption>{reliability}</figure></div>"
    )
