"""A model's card as Markdown, for every page that shows one. Standard library only."""


def about(card):
    """Where a model comes from, its licence and known weaknesses, how to measure it and how to make it again."""
    weak = "\n".join(f"- {line}" for line in card["weaknesses"])
    effort = f"{card['hardware']}, {card['hours']:.1f} hours, {card['views']:,} views, seed {card['seed']}" if card["views"] else card["hardware"]
    return f"""
**Network** {card["network"]}

**Learned from** {card["data"]}

**Licence** {card["licence"]}

**Known weaknesses**

{weak}

**Measure it** `{card["measure"]}`

**Make it again** `{card["remake"]}` ({effort}) {card["note"]}
"""


def matrix(confusion):
    """{true class: {verdict: count}} -> Markdown table, a row for each true class."""
    columns = list(next(iter(confusion.values())))
    lines = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    return "\n".join(lines + [f"| **{row}** | " + " | ".join(str(counts[c]) for c in columns) + " |" for row, counts in confusion.items()])
