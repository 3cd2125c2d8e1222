"""What the user can mend: told in a line each, without a traceback."""

import difflib
from contextlib import contextmanager

#: Names that other packages and people use -> ours, the first that is known.
_ALIASES = {
    "n_topics": ("n_components", "layer_sizes"),
    "num_topics": ("n_components", "layer_sizes"),
    "nr_topics": ("n_components", "layer_sizes"),
    "number_of_topics": ("n_components", "layer_sizes"),
    "topics": ("n_components", "layer_sizes"),
    "k": ("n_components", "layer_sizes"),
    "n_components": ("layer_sizes",),
    "alpha": ("doc_topic_pseudocount", "doc_topic_prior", "alpha_W"),
    "eta": ("topic_word_pseudocount", "topic_word_prior"),
    "beta": ("beta_loss", "topic_word_pseudocount", "topic_word_prior"),
    "epochs": ("max_iter",),
    "n_epochs": ("max_iter",),
    "num_epochs": ("max_iter",),
    "iterations": ("max_iter",),
    "n_iter": ("max_iter",),
    "passes": ("max_iter",),
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
    """The message is a line for each complaint: where, what was wrong, what expected.

    Parameters
    ----------
    problem : str
        One line.
    key : str
        The path of the key of the configuration that is to blame, if one is.
    more : iterable of tuple (problem, key)
        Further complaints.
    """

    def __init__(self, problem, key="", more=()):
        self.complaints = [(problem, key), *more]
        super().__init__("\n".join(f"{k}: {p}" if k else p for p, k in self.complaints))

    @classmethod
    def of(cls, complaints):
        """The error of one or more pairs (problem, key)."""
        (problem, key), *more = complaints
        return cls(problem, key, more)


@contextmanager
def within(place):
    """Put a file or a line of it before the messages of what is run inside."""
    try:
        yield
    except CommandError as error:
        lines = [(f"{place}: {line}", "") for line in str(error).split("\n")]
        raise CommandError.of(lines) from error.__cause__


@contextmanager
def within_key(key):
    """Put a key before the path of the key that is to blame for what fails inside."""
    try:
        yield
    except CommandError as error:
        complaints = [(p, f"{key}.{k}" if k else key) for p, k in error.complaints]
        raise CommandError.of(complaints) from error.__cause__


@contextmanager
def data_errors(*more):
    """What models and vectorizers say of data and parameters, and diverged fits."""
    try:
        yield
    except (ValueError, FloatingPointError, *more) as error:
        raise CommandError(one_line(error)) from error


def one_line(error) -> str:
    """The message of an exception, its line breaks and runs of blanks made one."""
    return " ".join(str(error).split())


def choice(name, known) -> str:
    """What to say of a name that is not known: the nearest, and all that are."""
    known = list(known)
    aliases = _ALIASES.get(str(name).lower(), ())
    near = [alias for alias in aliases if alias in known]
    near = near or difflib.get_close_matches(str(name), known, n=1)
    hint = f"did you mean {near[0]!r}? Expected" if near else "expected"
    return f"{hint} one of: {', '.join(known)}"
