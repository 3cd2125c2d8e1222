"""Pseudocounts of terms from seed words."""

from collections.abc import Mapping

import numpy as np

from .._boundary.arguments import (
    check_integer,
    check_number,
    check_sequence,
    did_you_mean,
)


def seed_pseudocounts(
    vocabulary, seeds, n_components, *, weight=50.0, base=0.2, excluded=None
) -> np.ndarray:
    """Make the prior of a topic model with seed words (guided topic model).

    Pass the result to `topic_word_pseudocount` of
    :class:`~sklearn_topics.TorchPoissonNMF` or :class:`~sklearn_topics.TorchETM`. Each
    seed word counts as if it had occurred `weight` times more in its topic: the seeds
    are a prior, which enough documents outweigh.

    Read more in the :ref:`User Guide <curation>`.

    Parameters
    ----------
    vocabulary : sequence of str
        The terms, in the order of the columns of X, such as
        ``vectorizer.get_feature_names_out()``.
    seeds : dict of str to list of str
        Seed words of topics by the names of the topics. The first entry is topic 0, the
        second one topic 1, and so on. A list may be empty. Pass ``list(seeds)`` as
        `topic_names` to the model.
    n_components : int
        Number of topics; those after the seeded ones have no seeds.
    weight : float, default=50
        Tokens added to each seed word in its topic.
    base : float, default=0.2
        Tokens added to each term of each topic.
    excluded : dict of str to list of str, default=None
        Words that topics must not contain, by the names of topics in `seeds`.

    Returns
    -------
    pseudocounts : ndarray of shape (n_components, n_features)
        ``base``, ``base + weight`` at the seeds, and -1 at excluded terms.

    Raises
    ------
    ValueError
        If a word is not in the vocabulary.

    Examples
    --------
    >>> from sklearn_topics.curation import seed_pseudocounts
    >>> seeds = {"space": ["moon", "orbit"], "pets": ["cat"]}
    >>> seed_pseudocounts(["cat", "moon", "orbit", "the"], seeds, 3)
    array([[ 0.2, 50.2, 50.2,  0.2],
           [50.2,  0.2,  0.2,  0.2],
           [ 0.2,  0.2,  0.2,  0.2]])
    """
    place = {term: j for j, term in enumerate(_words(vocabulary, "vocabulary"))}
    K = check_integer(n_components, "n_components")
    weight = check_number(weight, "weight", 0, np.inf, open=False)
    base = check_number(base, "base", 0, np.inf, open=False)
    _check_mapping(seeds, "seeds")
    if len(seeds) > K:
        raise ValueError(f"seeds has {len(seeds)} topics, but n_components is {K}.")
    pseudocounts = np.full((K, len(place)), float(base))
    columns = _columns(seeds, "seeds", place)
    for k, found in enumerate(columns.values()):
        pseudocounts[k, found] += weight
    if excluded is not None:
        _check_mapping(excluded, "excluded")
        unknown = [name for name in excluded if name not in seeds]
        if unknown:
            raise ValueError(
                f"excluded has the topic {unknown[0]!r}, which is not in seeds. Add it "
                "to seeds, with an empty list if it has no seed words."
            )
        topics = list(seeds)
        for name, found in _columns(excluded, "excluded", place).items():
            k = topics.index(name)
            both = set(found) & set(columns[name])
            if both:
                word = list(place)[both.pop()]
                raise ValueError(f"{word!r} is a seed and excluded in {name!r}.")
            pseudocounts[k, found] = -1
    return pseudocounts


def _words(words, name) -> list[str]:
    if isinstance(words, Mapping):
        raise TypeError(
            f"{name} is a dict, whose order may not be that of the columns. Pass "
            "vectorizer.get_feature_names_out()."
        )
    if hasattr(words, "get_feature_names_out"):
        raise TypeError(
            f"{name} is a {type(words).__name__}. Pass its words, "
            "vectorizer.get_feature_names_out()."
        )
    return check_sequence(words, name, "str")


def _check_mapping(seeds, name):
    if not isinstance(seeds, Mapping):
        raise TypeError(
            f"{name} must be a dict of topic names to lists of words. Got "
            f"{seeds!r:.60}."
        )


def _columns(seeds, name, place) -> dict[str, list[int]]:
    """The columns of the words of each topic."""
    found, missing = {}, []
    for topic, words in seeds.items():
        if isinstance(words, str):
            raise TypeError(
                f"{name}[{topic!r}] is a text. Pass a list of words: [{words!r}]."
            )
        missing += [word for word in words if word not in place]
        found[topic] = [place[word] for word in dict.fromkeys(words) if word in place]
    if missing:
        raise ValueError(
            f"{name} has words that are not in the vocabulary ({len(missing)}): "
            f"{', '.join(map(repr, missing[:5]))}.{did_you_mean(missing[0], place)} "
            "Remove them, or change the vectorizer (min_df, stop_words, lowercase)."
        )
    return found
