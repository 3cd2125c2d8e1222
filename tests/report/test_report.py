"""The report: one safe file that shows what the tables contain."""

import datetime
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import NMF
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import make_pipeline

from sklearn_topics import TorchPoissonNMF, TorchTruncatedSVD
from sklearn_topics.curation import rename_topics
from sklearn_topics.datasets import make_topic_corpus
from sklearn_topics.inspection import differential_terms, topics_by
from sklearn_topics.report import write_report

pytestmark = pytest.mark.usefixtures("one_thread")

TEXTS = [
    "cat dog cat <script>alert(1)</script>",
    "dog cat & 'quoted' \x00 \ud800",
    "sun moon",
    "moon sun sun",
    "cat dog dog",
] * 8

#: Elements without an end.
VOID = {"meta", "img", "wbr"}


class Page(HTMLParser):
    """Elements, attributes and text of a page; fails if elements are not nested."""

    def __init__(self, content):
        super().__init__()
        self.open, self.elements, self.words = [], [], []
        self.feed(content)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    def named(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def pipe():
    pipe = make_pipeline(CountVectorizer(), TorchPoissonNMF(2, random_state=0))
    return rename_topics(pipe.fit(TEXTS), {0: "<b>bold</b>"})


def written(model, X, tmp_path, **options):
    path = write_report(model, X, tmp_path / "report.html", **options)
    return Page(path.read_text(encoding="utf-8"))


def test_sections(pipe, tmp_path):
    dates = np.datetime64("2020-01-01") + 10 * np.arange(40)
    groups = {"source": ["a", "<i>", None, "a"] * 10, "date": dates}
    page = written(pipe, TEXTS, tmp_path, groups=groups, title="My <title>")
    titles = ["Summary", "Topics", "Map of the topics", "Topics by source"]
    titles += ["Topics over time", "Quality", "How the model was fitted"]
    for title in titles:
        assert page.text.count(title) >= 2  # the link and the heading
    links = {attributes["href"].lstrip("#") for attributes in page.named("a")}
    assert links == {attributes["id"] for attributes in page.named("section")}
    assert "My <title>" in page.text
    for word in ("cat", "moon", "(none)", "CountVectorizer", "random_state", "NMF"):
        assert word in page.text
    assert len(page.named("article")) == 2
    assert len(page.named("polyline")) == 2


def test_texts_are_escaped(pipe, tmp_path):
    page = written(pipe, TEXTS, tmp_path, groups=["<i>"] * 40, ids=["<u>"] * 40)
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "b", "i", "u"}
    assert "<script>alert(1)</script>" in page.text
    assert "<b>bold</b>" in page.text
    assert "& 'quoted'" in page.text
    assert "\x00" not in page.text


def test_one_file_without_network(pipe, tmp_path):
    path = write_report(pipe, TEXTS, tmp_path / "report.html")
    content = path.read_text(encoding="utf-8")
    page = Page(content)
    assert not {tag for tag, _ in page.elements} & {"script", "link", "iframe"}
    for attributes in page.named("img"):
        assert attributes["src"].startswith("data:image/svg+xml;base64,")
        assert attributes["alt"]
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")]
        assert attributes.get("href", "#").startswith("#")
    assert "default-src 'none'" in content
    assert "url(" not in content
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]
    assert write_report(pipe, TEXTS, path).read_text(encoding="utf-8") == content


def test_widths_are_flexible(pipe, tmp_path):
    content = write_report(pipe, TEXTS, tmp_path / "r.html").read_text("utf-8")
    assert 'name="viewport" content="width=device-width' in content
    style = re.search("<style>(.*?)</style>", content, re.S)[1]
    fixed = re.findall(r"(?<![-\w(])width: *(\d+)px", style)
    assert fixed == []
    page = Page(content)
    assert len(page.named("table")) == content.count('<div class="scroll"><table>')


def test_names_by_differential_terms(tmp_path):
    X = make_topic_corpus(80, 20, 3, random_state=0)[0]
    model = TorchPoissonNMF(3, random_state=0).fit(X)
    terms = [f"t{j}" for j in range(20)]
    options = {"feature_names": terms, "by": "differential"}
    page = written(model, X, tmp_path, **options)
    table = differential_terms(model, X, feature_names=terms, n_terms=6)
    for k, rows in table.groupby("Topic")["Term"]:
        assert f"{k}: {' '.join(rows[:3])}" in page.words
        assert f"distinctive: {', '.join(rows)}" in page.words


def test_examples(pipe, tmp_path):
    counts, texts = pipe[0].transform(TEXTS), [f"text {i}" for i in range(40)]
    ids = [f"id-{i}" for i in range(40)]
    page = written(pipe[-1], counts, tmp_path, texts=texts, ids=ids, n_documents=2)
    quotes = len(page.named("blockquote"))
    assert quotes == 4
    assert re.search(r"id-(\d+) text \1 ", page.text)
    assert not written(pipe[-1], counts, tmp_path).named("blockquote")
    assert not written(pipe, TEXTS, tmp_path, n_documents=0).named("blockquote")
    long = written(pipe[-1], counts, tmp_path, texts=["word " * 500] * 40)
    assert len(long.text) < 10_000
    framed = pd.Series(TEXTS, [f"row-{i}" for i in range(40)])
    assert "row-" in written(pipe, framed, tmp_path).text


@pytest.mark.parametrize("K", [1, 2, 25])
def test_numbers_of_topics(K, tmp_path):
    X = make_topic_corpus(60, 30, 3, random_state=0)[0]
    model = TorchPoissonNMF(K, random_state=0, max_iter=5, tol=0).fit(X)
    page = written(model, X, tmp_path, groups=np.arange(60) % 40)
    assert len(page.named("article")) == K
    assert "The 30 largest of 40 groups" in page.text


def test_models_of_scikit_learn(tmp_path):
    X = make_topic_corpus(60, 30, 3, random_state=0)[0]
    model = NMF(3, init="random", random_state=0, max_iter=400).fit(X)
    page = written(model, X, tmp_path, feature_names=[f"word{j}" for j in range(30)])
    assert "NMF: 3 topics" in page.text
    assert "word0" in page.text
    signed = TorchTruncatedSVD(3, random_state=0).fit(X)
    with pytest.raises(ValueError, match="negative weights"):
        write_report(signed, X, tmp_path / "none.html")
    assert not (tmp_path / "none.html").exists()


@pytest.mark.parametrize(
    ("days", "unit"), [(1, "day"), (20, "day"), (100, "week"), (400, "month")]
)
def test_units_of_time(pipe, tmp_path, days, unit):
    dates = pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(40) % days, "D")
    if days > 40:
        dates = pd.date_range("2020-01-01", periods=40, freq=f"{days // 40}D")
    zoned = dates.tz_localize("Europe/Paris")
    for given in (pd.Series(dates), dates.to_pydatetime().tolist(), zoned):
        page = written(pipe, TEXTS, tmp_path, groups={"when": given})
        assert f"tokens by {unit}," in page.text


def points(shape):
    pairs = [pair.split(",") for pair in shape["points"].split()]
    return np.array(pairs, dtype=float)


def test_curves_are_broken_where_nothing_is_known(pipe, tmp_path):
    years = [*range(2000, 2004)] * 4 + [*range(2006, 2009)] * 6 + [2011] * 3
    years = np.array([*years, 2013, 2014, 2014])
    groups = {"when": (years - 1970).astype("M8[Y]")}
    page = written(pipe, TEXTS, tmp_path, groups=groups)
    lines = [points(shape) for shape in page.named("polyline")]
    assert [len(line) for line in lines] == [4, 3, 2, 2] * 2
    assert [shape["class"] for shape in page.named("polyline")[:3]] == [
        "run",
        "run",
        "alone",
    ]
    np.testing.assert_array_equal(lines[2][0], lines[2][1])  # a point
    # 2013 has one document, without an interval.
    bands = [points(shape) for shape in page.named("polygon")]
    assert [len(band) for band in bands] == [8, 6, 2, 2] * 2
    for half in (bands[:4], bands[4:]):
        assert min(band[:, 1].min() for band in half) == 2  # the upper end
    table = topics_by(pipe, TEXTS, groups["when"], freq="year")
    for _, topic in table.groupby("Topic"):
        top = topic[["Share", "Upper"]].max().max()
        assert f"0 to {top:.1%}" in page.text


def test_a_single_period_is_a_point(pipe, tmp_path):
    dates = np.full(40, np.datetime64("2020-05-31"))
    page = written(pipe, TEXTS, tmp_path, groups=dates)
    for line in page.named("polyline"):
        assert points(line).shape == (2, 2)
        assert line["class"] == "alone"
    assert page.text.count("2020-05-31") == 2  # once for each topic


def test_columns_of_dates(pipe, tmp_path):
    days = [datetime.date(2020, 1, 1 + i % 20) for i in range(40)]
    zone = datetime.timezone(datetime.timedelta(hours=10))
    late = [datetime.datetime(2020, 3, 1 + i % 20, 2, tzinfo=zone) for i in range(40)]
    frame = pd.DataFrame({"created": days, "day": ["Mon", pd.NA] * 20})
    frame["created"] = frame["created"].where(np.arange(40) % 7 > 0, np.nan)
    assert frame["created"].dtype == object
    page = written(pipe, TEXTS, tmp_path, groups=frame)
    assert page.text.count("Topics over time") == page.text.count("Topics by day") == 2
    assert "over time (" not in page.text
    page = written(pipe, TEXTS, tmp_path, groups={"created": days, "changed": late})
    for name in ("created", "changed"):
        assert page.text.count(f"Topics over time ({name})") == 2
    # Local days, as those of Series with a time zone.
    assert "2020-03-01" in page.text
    assert "2020-02-29" not in page.text


def test_characters_of_languages_and_emoji(pipe, tmp_path):
    title = (
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \U0001f468\u200d\U0001f469"
    )
    page = written(pipe, TEXTS, tmp_path, title=f"{title}\x85\ufffe\ud800\x1b.")
    assert f"{title}    ." in "".join(page.words)


def test_groups_of_any_name(pipe, tmp_path):
    frame = pd.DataFrame({"X": ["a", "b"] * 20, "ids": [1, 2] * 20})
    page = written(pipe, TEXTS, tmp_path, groups=frame)
    assert "Topics by X" in page.text
    assert "Topics by ids" in page.text
    none = written(pipe, TEXTS, tmp_path, groups={"when": [pd.NaT] * 40})
    assert "No document with known terms has a date" in none.text


@pytest.mark.parametrize(
    "convert", [list, np.array, pd.Series, lambda dates: pd.Series(dates, dtype=object)]
)
def test_dates_as_text(pipe, tmp_path, convert):
    dates = ["2020-05-31", "2021-06-01T10:00:00Z", "2022-01-01", "2023-12-31 09:00"]
    page = written(pipe, TEXTS, tmp_path, groups={"when": convert(dates * 10)})
    same = written(pipe, TEXTS, tmp_path, groups={"when": _days(dates * 10)})
    assert "Topics over time" in page.text
    assert len(page.named("polyline")) == 8  # two topics in four months far apart
    assert page.named("polyline") == same.named("polyline")
    years = written(pipe, TEXTS, tmp_path, groups={"year": ["2020", "2021"] * 20})
    assert "Topics by year" in years.text


def test_texts_that_are_no_dates_are_labels(pipe, tmp_path):
    labels = ["2021-02-30", "2021-03-01"] * 20
    page = written(pipe, TEXTS, tmp_path, groups={"day": labels})
    assert "Topics by day" in page.text


def _days(dates):
    return np.array([date[:10] for date in dates], dtype="M8[D]")


def test_long_names_of_groups_break(pipe, tmp_path):
    groups = ["comp.sys.ibm.pc.hardware", "a&b/c"] * 20
    path = write_report(pipe, TEXTS, tmp_path / "report.html", groups=groups)
    content = path.read_text(encoding="utf-8")
    assert "comp.<wbr>sys.<wbr>ibm.<wbr>pc.<wbr>hardware</th>" in content
    assert "a&amp;b/<wbr>c</th>" in content


def test_errors(pipe, tmp_path):
    with pytest.raises(ValueError, match="groups has 3 labels, but there are 40"):
        write_report(pipe, TEXTS, tmp_path / "r.html", groups=["a"] * 3)
    few = pd.Series(["a"] * 3, index=["x", "y", "z"])
    with pytest.raises(ValueError, match="groups has 3 labels, but there are 40"):
        write_report(pipe, TEXTS, tmp_path / "r.html", groups=few)
    with pytest.raises(ValueError, match="ids has 3 items, but X has 40"):
        write_report(pipe, TEXTS, tmp_path / "r.html", ids=["a"] * 3)
    with pytest.raises(ValueError, match="texts has 3 items, but X has 40"):
        write_report(pipe, TEXTS, tmp_path / "r.html", texts=["a"] * 3)
    with pytest.raises(FileNotFoundError, match="no folder .*away' for the report"):
        write_report(pipe, TEXTS, tmp_path / "away" / "r.html")
    with pytest.raises(ValueError, match="counts the words of texts itself"):
        write_report(pipe, np.ones((40, 4)), tmp_path / "r.html")
    with pytest.raises(
        ValueError, match=r"column with the texts, for example X\['text"
    ):
        write_report(pipe, pd.DataFrame({"text": TEXTS}), tmp_path / "r.html")
