"""Errors that the user can correct: one line each, without a traceback."""

import difflib
from contextlib import contextmanager

#: Parameter names of other packages -> our names; the first that exists is suggested.
_ALIASES = {
    **dict.fromkeys(
        ("n_topics", "num_topics", "nr_topics", "number_of_topics", "topics", "k"),
        ("n_components", "layer_sizes"),
    ),
    "n_components": ("layer_sizes",),
    "alpha": ("doc_topic_pseudocount", "doc_topic_prior", "alpha_W"),
    "eta": ("topic_word_pseudocount", "topic_word_prior"),
    "beta": ("beta_loss", "topic_word_pseudocount", "topic_word_prior"),
    **dict.fromkeys(
        ("epochs", "n_epochs", "num_epochs", "iterations", "n_iter", "passes"),
        ("max_iter",),
    ),
    "lr": ("learning_rate",),
    "seed": ("random_state",),
    "random_seed": ("random_state",),
    "word_vectors": ("embeddings",),
    "rho_size": ("embedding_dim",),
    "t_hidden_size": ("hidden_layer_sizes",),
    "ngrams": ("ngram_range",),
    "stopwords": ("stop_words",),
}


class CommandError(Exception):
    """One or more problems, one line each: where, what is wrong, what is expected.

    Parameters
    ----------
    problem : str
        Description in one line.
    key : str
        Path of the configuration key with the problem, or "".
    more : iterable of tuple (problem, key)
        Further problems.
    """

    def __init__(self, problem, key="", more=()):
        self.problems = [(problem, key), *more]
        super().__init__("\n".join(f"{k}: {p}" if k else p for p, k in self.problems))

    @classmethod
    def of(cls, problems):
        """The error with one or more pairs (problem, key)."""
        (problem, key), *more = problems
        return cls(problem, key, more)


@contextmanager
def within(place):
    """Prefix the messages of errors inside with a file or a line of it."""
    try:
        yield
    except CommandError as error:
        lines = [(f"{place}: {line}", "") for line in str(error).split("\n")]
        raise CommandError.of(lines) from error.__cause__


@contextmanager
def within_key(key):
    """Prefix the key paths of errors inside with a key."""
    try:
        yield
    except CommandError as error:
        problems = [(p, f"{key}.{k}" if k else key) for p, k in error.problems]
        raise CommandError.of(problems) from error.__cause__


@contextmanager
def data_errors(*more):
    """Convert errors of models and vectorizers about data, parameters or divergence."""
    try:
        yield
    except (ValueError, FloatingPointError, *more) as error:
        raise CommandError(one_line(error)) from error


def one_line(error) -> str:
    """The message of an exception in one line."""
    return " ".join(str(error).split())


def choice(name, known) -> str:
    """Hint for an unknown name: the closest known name and all known names."""
    known = list(known)
    meanings = _ALIASES.get(str(name).lower(), ())
    close = [meaning for meaning in meanings if meaning in known]
    close = close or difflib.get_close_matches(str(name), known, n=1)
    hint = f"did you mean {close[0]!r}? Expected" if close else "expected"
    return f"{hint} one of: {', '.join(known)}"
