"""Small charts as SVG text: crisp at every size, in the page's own text colour, nothing to install."""

import html

INK = "#0f766e"


def confusion(matrix, names, answers):
    """(K, L) counts, K and L names -> SVG: rows what it is, columns what was said; darker is a larger share of the row."""
    cell, side = 46, 10 + 8 * max(len(name[:14]) for name in (*names, *answers))
    width, height = side + cell * len(answers) + 8, side + cell * len(names) + 8
    parts = []
    for j, name in enumerate(answers):
        x = side + j * cell + cell / 2 + 5
        parts.append(f'<text x="{x}" y="{side - 8}" transform="rotate(-90 {x} {side - 8})">{html.escape(name[:14])}</text>')
    for i, (row, name) in enumerate(zip(matrix, names, strict=True)):
        y, total = side + i * cell, max(1, sum(row))
        parts.append(_text(side - 8, y + cell / 2 + 5, html.escape(name[:14]), "end"))
        for j, count in enumerate(row):
            x = side + j * cell
            title = html.escape(f"{count} of {total} photos of {name} were called {answers[j]}")
            fill = f'fill="{INK}" fill-opacity="{0.06 + 0.94 * count / total:.2f}"'
            parts.append(f'<rect x="{x}" y="{y}" width="{cell - 2}" height="{cell - 2}" rx="4" {fill}><title>{title}</title></rect>')
            parts.append(_text(x + cell / 2 - 1, y + cell / 2 + 5, count, "middle", "#fff" if count > total / 2 else "currentColor"))
    return _svg(width, height, "What it said (columns) of what was there (rows)", parts)


def reliability(bins):
    """[(mean probability said, share right, photos)] -> SVG: a point on the diagonal says as much as it knows; area is the number of photos."""
    side, left, top = 240, 66, 20
    most = max(n for _, _, n in bins)

    def at(x, y):
        return left + x * side, top + (1 - y) * side

    (x0, y0), (x1, y1) = at(0, 0), at(1, 1)
    parts = [f'<rect x="{left}" y="{top}" width="{side}" height="{side}" fill="none" stroke="currentColor" stroke-opacity=".3"/>',
             f'<line x1="{x0}" y1="{y0}" x2="{x1}" y2="{y1}" stroke="currentColor" stroke-opacity=".5" stroke-dasharray="4 4"/>']  # fmt: skip
    for said, right, n in bins:
        x, y = at(said, right)
        title = f"{n} photos: it said {said:.0%} on average, {right:.0%} were right"
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{4 + 12 * (n / most) ** 0.5:.1f}" fill="{INK}" fill-opacity=".75"><title>{title}</title></circle>')
    for share in (0, 0.5, 1):
        parts.append(_text(at(share, 0)[0], top + side + 18, f"{share:.0%}", "middle"))
        parts.append(_text(left - 6, at(0, share)[1] + 5, f"{share:.0%}", "end"))
    parts.append(_text(left + side / 2, top + side + 38, "probability it said", "middle"))
    parts.append(f'<text x="12" y="{top + side / 2}" text-anchor="middle" transform="rotate(-90 12 {top + side / 2})">was right</text>')
    return _svg(left + side + 30, top + side + 46, "Probability said against share that was right", parts)


def histograms(edges, shares, label, title):
    """Edges (B + 1,) and {name: (B,) shares} -> SVG: one outline a set, the first filled. label: of the axis; title: for screen readers."""
    width, height, left, top = 420, 180, 10, 30
    most, step = max(max(row) for row in shares.values()) or 1, width / (len(edges) - 1)
    parts = [f'<line x1="{left}" y1="{top + height}" x2="{left + width}" y2="{top + height}" stroke="currentColor" stroke-opacity=".4"/>']
    for k, (name, row) in enumerate(shares.items()):
        heights = [top + height * (1 - share / most) for share in row]
        steps = " ".join(f"{left + i * step:.1f},{y:.1f} {left + (i + 1) * step:.1f},{y:.1f}" for i, y in enumerate(heights))
        fill = f'fill="{INK}" fill-opacity=".45"' if k == 0 else 'fill="none"'
        parts.append(f'<polygon points="{left},{top + height} {steps} {left + width},{top + height}" {fill} stroke="{INK if k == 0 else "currentColor"}"/>')
        parts.append(f'<rect x="{left + k * 210}" y="4" width="14" height="14" {fill} stroke="{INK if k == 0 else "currentColor"}"/>')
        parts.append(_text(left + 20 + k * 210, 16, html.escape(name), "start"))
    parts += [_text(left, top + height + 18, f"{edges[0]:.2g}", "start"), _text(left + width, top + height + 18, f"{edges[-1]:.2g}", "end")]
    parts.append(_text(left + width / 2, top + height + 36, html.escape(label), "middle"))
    return _svg(width + 2 * left, top + height + 44, title, parts)


def _text(x, y, text, anchor, fill="currentColor"):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}">{text}</text>'


def _svg(width, height, label, parts):
    style = f"width:100%;max-width:{width}px;height:auto;font:14px system-ui,sans-serif"
    return f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{label}" style="{style}" fill="currentColor">{"".join(parts)}</svg>'
