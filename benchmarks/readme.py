"""The README's table, from the record that ``benchmarks/quality.py`` writes.

python benchmarks/readme.py            # rewrites it
"""

import json
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
RECORD = ROOT / "benchmarks" / "data" / "quality.json"
PEER, OURS = "scikit-learn LDA", "TorchPoissonNMF"
START = "| 50 topics of 11,214 newsgroup posts |"


def middle(value):
    return median(value) if isinstance(value, list) else value


def table(record) -> str:
    lines = [
        f"{START} seconds of a fit | perplexity of new posts (lower is better) |",
        "|---|---|---|",
    ]
    for corpus, model, seconds, perplexity, *_ in record["rows"]:
        if corpus == "etm_20ng" and (model == PEER or model.startswith(OURS)):
            name = model if model == PEER else f"`{model}`"
            figures = f"{middle(seconds):.1f} | {middle(perplexity):.0f}"
            lines.append(f"| {name} | {figures} |")
    return "\n".join(lines)


def current(text) -> str:
    """The table that the README has."""
    return text[text.index(START) :].split("\n\n")[0]


def rewrite():
    record, text = json.loads(RECORD.read_text("utf-8")), README.read_text("utf-8")
    README.write_text(text.replace(current(text), table(record)), "utf-8")


if __name__ == "__main__":
    rewrite()
