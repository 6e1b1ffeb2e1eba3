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


def chatbot(card):
    """How well the chatbot finds and answers, with what it came from."""
    q = card["quality"]
    a, ways = q["answers"]["report"], q["retrieval"]
    names = {"bm25": "words alone (BM25)", "minilm": "meaning alone (MiniLM)", "ours": "both, and read closer"}
    lines = []
    for way, name in names.items():
        figures = ways[way]["all"]
        long = card["cranfield"]["retrieval"][way]
        lines.append(f"| {name} | {figures['recall@1']:.3f} | {figures['recall@5']:.3f} | {figures['mrr']:.3f} | {long:.3f} |")
    rows = "\n".join(lines)
    return f"""
Finding the passage: {q["n"]:,} questions about {q["passages"]:,} passages (SQuAD 2.0),
and {card["cranfield"]["n"]} long ones about {card["cranfield"]["documents"]:,} abstracts (Cranfield):

| | first | among five | MRR | Cranfield nDCG@10 |
|---|---|---|---|---|
{rows}

Answering, on {a["n"]:,} questions about articles the reader never saw, the passage found and not given:

| | |
|---|---|
| words of the answer right (F1) | {a["f1"]:.3f} |
| exactly right | {a["em"]:.3f} |
| the quoted sentence holds the answer | {a["sentence_hit"]:.3f} |
| answerable or not, area under the ROC curve | {a["auroc_answerable"]:.3f} |
| answers that are given where there is one / where there is none | {a["answered_of_answerable"]:.1%} / {a["answered_of_unanswerable"]:.1%} |
{about(card)}"""
