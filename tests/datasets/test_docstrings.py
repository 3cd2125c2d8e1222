"""The docstring corpus: clean prose, a sound cache, nothing imported."""

import gzip
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer

from sklearn_topics.datasets import API_STOP_WORDS, _docstrings, load_docstrings
from sklearn_topics.datasets._prose import count_words, docstring_to_prose

_LOAD_IN_A_FRESH_INTERPRETER = """
import sys
from sklearn_topics.datasets import load_docstrings
before = set(sys.modules)
load_docstrings(data_home=sys.argv[1])
print(*sorted(set(sys.modules) - before))
print("scipy.signal" in sys.modules)
"""


@pytest.fixture(scope="module")
def docstrings(tmp_path_factory):
    return load_docstrings(data_home=tmp_path_factory.mktemp("home"))


@pytest.fixture
def extractions(monkeypatch):
    """Replace the extraction by a short one; a list that grows with its calls."""
    calls = []

    def extract():
        calls.append(None)
        return {
            "data": ["first text", "second text", "third téxt"],
            "names": ["scipy.b.f", "numpy.a.f", "scipy.b.g"],
            "targets": ["scipy.b", "numpy.a", "scipy.b"],
        }

    monkeypatch.setattr(_docstrings, "_extract", extract)
    return calls


def test_attributes_agree(docstrings):
    n = len(docstrings.data)
    assert n > 3000
    assert len(docstrings.names) == n
    assert docstrings.target.shape == (n,)
    assert docstrings.target.dtype == np.int64
    assert docstrings.target_names == sorted(docstrings.target_names)
    sizes = np.bincount(docstrings.target, minlength=len(docstrings.target_names))
    small = [
        name
        for name, size in zip(docstrings.target_names, sizes, strict=True)
        if size < 10 and "." in name
    ]
    assert small == []
    assert {"scipy.stats", "sklearn.cluster", "numpy.linalg"} < set(
        docstrings.target_names
    )
    assert str(n) in docstrings.DESCR


def test_targets_are_prefixes_of_the_names(docstrings):
    for name, index in zip(docstrings.names, docstrings.target, strict=True):
        target = docstrings.target_names[index]
        assert name == target or name.startswith(target + ".")
        assert "._" not in target
        assert ".tests" not in name
        assert ".externals." not in name


def test_compiled_functions_have_their_docstrings_too(docstrings):
    names = set(docstrings.names)
    # "numpy._core.multiarray" in numpy 2, "numpy.core.multiarray" before.
    assert any(name.endswith("core.multiarray.from_dlpack") for name in names)
    assert "scipy.special.bdtr" in names


def test_texts_are_distinct_prose(docstrings):
    texts = docstrings.data
    assert len(set(texts)) == len(texts)
    for text in texts:
        assert len(text.split()) >= 30
        for markup in (">>>", ":math:", ":func:", ":class:", ":ref:", "`", "----"):
            assert markup not in text
        for line in text.split("\n"):
            assert line.strip(" :") == line
            assert line not in {"Parameters", "Returns", "See Also", "References"}
            assert not line.startswith("..") or line.startswith("...")


def test_nothing_is_imported_and_the_order_is_that_of_any_process(docstrings, tmp_path):
    environment = dict(
        os.environ,
        PYTHONPATH=os.pathsep.join(filter(None, sys.path)),
        PYTHONHASHSEED="123",
    )
    result = subprocess.run(
        [sys.executable, "-c", _LOAD_IN_A_FRESH_INTERPRETER, str(tmp_path)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    new_modules, has_scipy_signal = result.stdout.splitlines()
    packages = {name.split(".")[0] for name in new_modules.split()}
    assert not packages & {"numpy", "scipy", "sklearn"}
    assert has_scipy_signal == "False"

    stored = load_docstrings(data_home=tmp_path)  # what the other process wrote
    assert stored.data == docstrings.data
    assert stored.names == docstrings.names
    assert stored.target_names == docstrings.target_names
    assert_array_equal(stored.target, docstrings.target)


def test_second_call_reads_the_cache(extractions, tmp_path):
    first = load_docstrings(data_home=tmp_path)
    second = load_docstrings(data_home=tmp_path)
    assert len(extractions) == 1
    assert first.data == second.data == ["first text", "second text", "third téxt"]
    assert_array_equal(second.target, [1, 0, 1])
    assert second.target_names == ["numpy.a", "scipy.b"]
    assert second.names == ["scipy.b.f", "numpy.a.f", "scipy.b.g"]
    (file,) = (tmp_path / "sklearn_topics").iterdir()  # no part of a file is left
    with gzip.open(file, "rt", encoding="utf-8") as stream:
        assert json.load(stream)["data"] == first.data


def test_other_versions_have_another_cache(extractions, tmp_path, monkeypatch):
    load_docstrings(data_home=tmp_path)
    version = _docstrings.importlib.metadata.version
    monkeypatch.setattr(
        _docstrings.importlib.metadata,
        "version",
        lambda name: "99.0" if name == "scipy" else version(name),
    )
    load_docstrings(data_home=tmp_path)
    assert len(extractions) == 2
    assert len(list((tmp_path / "sklearn_topics").iterdir())) == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: b"no gzip",
        lambda content: content[: len(content) // 2],
        lambda content: content[:20] + b"\xff" * 20 + content[40:],
        lambda content: gzip.compress(b"{not json"),
        lambda content: gzip.compress(b"[1, 2]"),
        lambda content: gzip.compress(b'{"data": ["a"], "names": [], "targets": []}'),
        lambda content: gzip.compress(b'{"data": 1, "names": 2, "targets": 3}'),
        lambda content: gzip.compress(b"\xff\xfe"),
    ],
)
def test_damaged_cache_is_made_again(extractions, tmp_path, damage):
    expected = load_docstrings(data_home=tmp_path)
    (file,) = (tmp_path / "sklearn_topics").iterdir()
    intact = file.read_bytes()
    file.write_bytes(damage(intact))
    assert load_docstrings(data_home=tmp_path).data == expected.data
    assert len(extractions) == 2
    load_docstrings(data_home=tmp_path)
    assert len(extractions) == 2


def test_unwritable_folder_warns_and_names_it(extractions, tmp_path):
    home = tmp_path / "file"
    home.write_text("in the way")
    with pytest.warns(UserWarning, match="cannot be cached in .*file.*sklearn_topics"):
        result = load_docstrings(data_home=home)
    assert len(result.data) == 3


def test_failed_write_leaves_no_part_behind(extractions, tmp_path, monkeypatch):
    def fail(source, destination):
        raise OSError("disk full")

    monkeypatch.setattr(_docstrings.os, "replace", fail)
    with pytest.warns(UserWarning, match="disk full"):
        load_docstrings(data_home=tmp_path)
    assert list((tmp_path / "sklearn_topics").iterdir()) == []


def test_return_X_y(extractions, tmp_path):
    data, target = load_docstrings(data_home=tmp_path, return_X_y=True)
    assert data == ["first text", "second text", "third téxt"]
    assert_array_equal(target, [1, 0, 1])


def test_a_docstring_with_everything():
    docstring = r"""
    Fit a *smooth* curve to ``y`` by :func:`scipy.optimize.least_squares`.

    The model is :math:`y = a x`, see [1]_ and `the guide <https://x.org/a>`_.

    .. versionadded:: 1.2
       Not to be kept.

    .. note:: Kept, as it is
       prose.

    Parameters
    ----------
    x, y : array_like of shape (n,)
        The observed points::

            x = [1, 2]

        in any order.
    method : {'lm', 'trf'}, optional
        - ``'lm'``: a damped method.
        - ``x[0] + 1``: another.

    Returns
    -------
    float
        The slope.

    See Also
    --------
    polyfit : Fit a polynomial.
    interp, spline

    Notes
    -----
    It minimises

    .. math::

        \sum_i (y_i - a x_i)^2

    for a cost of $O(n)$ with **no** copy.

    =====  =====  =====
    a      b      c
    =====  =====  =====

    References
    ----------
    .. [1] A. Author, "A title", https://x.org.

    Examples
    --------
    Two points:

    >>> fit([1, 2],
    ...     [2, 4])
    2.0

    The slope is right.
    """
    assert docstring_to_prose(docstring).split("\n") == [
        "Fit a smooth curve to y by scipy.optimize.least_squares.",
        "The model is, see and the guide.",
        "Kept, as it is prose.",
        "The observed points",
        "in any order.",
        "'lm': a damped method.",
        "x[0] + 1: another.",
        "The slope.",
        "polyfit: Fit a polynomial.",
        "interp, spline",
        "It minimises",
        "for a cost of with no copy.",
        "Two points",
        "The slope is right.",
    ]


def test_no_prose_is_left_of_code():
    assert docstring_to_prose(">>> f(1)\n1") == ""
    assert docstring_to_prose("") == ""
    assert docstring_to_prose("a : int\nb : float") == ""


def test_words_have_a_letter():
    assert count_words("the 2 tests, of p < 0.05 - and H0") == 6


def test_stop_words_are_tokens_of_the_vectorizer():
    tokenize = CountVectorizer().build_tokenizer()
    for word in API_STOP_WORDS:
        assert tokenize(word) == [word]
        assert word == word.lower()
    assert isinstance(API_STOP_WORDS, frozenset)
    assert not API_STOP_WORDS & ENGLISH_STOP_WORDS
    assert {"array", "parameters", "returns", "ndarray", "sklearn"} < API_STOP_WORDS


def test_stop_words_are_of_no_subject(docstrings):
    subjects = "cluster distribution filter fft kernel matrix sample sparse test"
    assert not API_STOP_WORDS & set(subjects.split())
    counts = CountVectorizer(vocabulary=sorted(API_STOP_WORDS), binary=True)
    X = counts.fit_transform(docstrings.data)
    for word, column in zip(sorted(API_STOP_WORDS), X.T.tocsr(), strict=True):
        subpackages = np.unique(docstrings.target[column.indices])
        assert len(subpackages) >= 10, word
