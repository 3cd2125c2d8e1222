"""First answers of the documentation's search: ``python docs/search_answers.py HTML``.

HTML is a folder that Sphinx built. The scores are those of Sphinx's searchtools.js,
which ranks the pages in a reader's browser. The exit status is 1 if a query of
``EXPECTED`` finds another page first.
"""

import json
import math
import re
import sys
from pathlib import Path

from sphinx.search.en import SearchEnglish

GUIDE = "user_guide/"
#: Queries of users -> the page that answers them.
EXPECTED = {
    "save": GUIDE + "persistence",
    "load": GUIDE + "persistence",
    "visualise": GUIDE + "inspection",
    "visualize topics": GUIDE + "inspection",
    "hyperparameters": GUIDE + "choosing_k",
    "AnnData": GUIDE + "single_cell",
    "single cell": GUIDE + "single_cell",
    "LDA": GUIDE + "lda",
    "merge topics": GUIDE + "curation",
    "guided topics": GUIDE + "curation",
    "seed words": GUIDE + "curation",
    "GPU": GUIDE + "gpu",
    "out of memory": GUIDE + "threads",
    "partial_fit": GUIDE + "large_data",
    "number of topics": GUIDE + "choosing_k",
    "coherence": GUIDE + "metrics",
    "early stopping": GUIDE + "callbacks",
    "short texts": GUIDE + "short_texts",
    "topics over time": GUIDE + "groups_and_time",
    "report": GUIDE + "report",
    "gensim": "migration/gensim",
    "install": "install",
    "ConvergenceWarning": GUIDE + "errors",
    "error": GUIDE + "errors",
}
OBJECT_PRIORITY = {0: 15, 1: 5, 2: -5}


class Search:
    """The answers of searchtools.js to a query, best first, as (score, page, title)."""

    def __init__(self, html: Path):
        script = (html / "searchindex.js").read_text("utf-8")
        self.index = json.loads(re.fullmatch(r"Search\.setIndex\((.*)\)", script)[1])
        self.language = SearchEnglish({})

    def __call__(self, query: str) -> list[tuple[float, str, str]]:
        query = query.strip().lower()
        words = re.findall(r"\w+", query)
        kept = [
            w for w in words if w not in self.language.stopwords and not w.isdigit()
        ]
        stems = {self.language.stem(word) for word in kept}
        found = [*self._titles(query), *self._objects(words), *self._terms(stems)]
        main, other = self._entries(query)
        best = [*sorted(found + main, key=_rank), *sorted(other, key=_rank)]
        names, titles = self.index["docnames"], self.index["titles"]
        return [(score, names[page], titles[page]) for score, page, _ in best]

    def _titles(self, query):
        for title, places in self.index["alltitles"].items():
            if query in title.strip().lower() and len(query) >= len(title) / 2:
                for page, _ in places:
                    whole = self.index["titles"][page]
                    shown = title if title == whole else f"{whole} > {title}"
                    boost = title == whole
                    yield _round(15 * len(query) / len(title)) + boost, page, shown

    def _entries(self, query):
        main, other = [], []
        for entry, places in self.index["indexentries"].items():
            if query in entry and len(query) >= len(entry) / 2:
                for page, _, is_main in places:
                    score = _round(100 * len(query) / len(entry))
                    title = self.index["titles"][page]
                    (main if is_main else other).append((score, page, title))
        return main, other

    def _objects(self, words):
        for prefix, entries in self.index["objects"].items():
            for page, kind, priority, _, name in entries:
                full = f"{prefix}.{name}" if prefix else name
                kind_name = self.index["objnames"][str(kind)][2]
                said = (
                    f"{prefix} {name} {kind_name} {self.index['titles'][page]}".lower()
                )
                for word in set(words):
                    last = full.lower().split(".")[-1]
                    others = set(words) - {word}
                    if word in full.lower() and all(other in said for other in others):
                        match = (
                            11 if word in (full.lower(), last) else 6 * (word in last)
                        )
                        yield match + OBJECT_PRIORITY.get(priority, 0), page, full

    def _terms(self, stems):
        scores = {}
        for stem in stems:
            for field, exact, partial in (("terms", 5, 2), ("titleterms", 15, 7)):
                for term, pages in self._matches(field, stem):
                    for page in pages if isinstance(pages, list) else [pages]:
                        score = exact if term == stem else partial
                        scores.setdefault(page, {})[stem] = score
        long_ones = sum(len(stem) > 2 for stem in stems)
        for page, by_stem in scores.items():
            if len(by_stem) in (len(stems), long_ones):
                yield max(by_stem.values()), page, self.index["titles"][page]

    def _matches(self, field, stem):
        terms = self.index[field]
        if stem in terms:
            return [(stem, terms[stem])]
        if len(stem) <= 2:
            return []
        return [(term, pages) for term, pages in terms.items() if stem in term]


def _round(number):
    """As JavaScript rounds, halves up."""
    return math.floor(number + 0.5)


def _rank(result):
    score, _, title = result
    return -score, title.lower()


def main(html):
    search, wrong = Search(Path(html)), 0
    for query, expected in EXPECTED.items():
        score, page, title = next(iter(search(query)), (0, "nothing", ""))
        wrong += page != expected
        print(f"{'' if page == expected else 'WRONG: '}{query} -> {page} ({score:.0f})")
    return wrong > 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
