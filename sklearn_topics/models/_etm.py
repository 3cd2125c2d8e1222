"""TorchETM: the embedded topic model."""

from functools import partial
from numbers import Integral, Real
from typing import Self

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from .._boundary.arguments import check_layer_sizes
from .._boundary.contexts import plain_torch
from .._boundary.counts import require_tokens, warn_unless_counts
from .._boundary.embeddings import check_embeddings
from .._boundary.inputs import check_counts
from .._boundary.memory import value_bytes
from .._boundary.neighbors import nearest_terms, neighbors_of_words
from .._boundary.shards import on_all_ranks
from .._boundary.sklearn_private import Interval, StrOptions, _fit_context
from .._boundary.topics import (
    check_topic_names,
    coinciding_topics,
    match_topics,
    term_names,
)
from .._boundary.transfer import (
    agreed_array,
    make_generator,
    numpy_dtype,
    to_device,
    to_numpy,
)
from .._boundary.validation import training_and_validation
from .._boundary.warning import warn_user
from .._core import etm
from .._core.batches import MAX_BATCH, default_batch_size
from .._core.etm_init import init_from_nmf
from .._core.fold_in import fold_in_around
from .._core.schedule import SCHEDULES, make_schedule
from .._core.topic_model import document_sizes, expected_tokens, normalize_rows
from .._fit.first_rank import require_same
from .._fit.loop import fit_from_starts
from .._fit.progress import Progress
from .._fit.race import raced_factors
from .._fit.row_blocks import in_row_blocks
from .._fit.session import fit_session
from .._fit.steering import Steering
from .._fit.stopping import NoImprovement
from .._kernels.ranks import agreed, all_rows, all_sum, is_first
from ..nn import ETM
from ..nn._etm import ACTIVATIONS
from ._base import BaseTopicModel, set_topic_names

#: Default of embedding_dim.
_EMBEDDING_DIM = 300

#: Default of topic_learning_rate, in units of learning_rate: slow, because the topics
#: of Poisson NMF are almost final; fast, and relative to the size of the embeddings, if
#: embeddings cannot represent these topics to within a total variation distance.
_SLOW_TOPICS, _FAST_TOPICS, _HELD = 0.025, 10.0, 0.1

#: Parameters that determine the architecture of the encoder.
_ARCHITECTURE = (
    "n_components",
    "hidden_layer_sizes",
    "activation",
    "batch_norm",
    "prior_scale",
)

#: Total variation distance below which two topics coincide, and below which a row of
#: components_ is a topic of the fit. Minimum proportion that the encoder proposes if
#: topics were dropped: one topic must be possible.
_COINCIDE, _SAME_TOPIC, _LEAST_SHARE = 0.05, 1e-3, 1e-12


class TorchETM(BaseTopicModel):
    r"""Embedded topic model (ETM): neural topic model with word embeddings.

    Finds topics in document-term counts and places topics and terms in one embedding
    space, where word vectors can be used. Topic k is the distribution
    :math:`\mathrm{softmax}(\rho \alpha_k)` over terms, with the embeddings :math:`\rho`
    of the terms and :math:`\alpha_k` of the topic. The topic proportions of a document
    are :math:`\mathrm{softmax}(\delta)`, :math:`\delta \sim N(0, s^2 I)`, inferred by a
    neural encoder. Encoder and embeddings are trained jointly, by Adam on the evidence
    lower bound (ELBO) [1]_.

    Read more in the :ref:`User Guide <etm>`.

    Parameters
    ----------
    n_components : int, default=10
        Number of topics (`num_topics` in gensim). Time and memory are proportional to
        it. See :ref:`choosing_k`; 10 is the default of scikit-learn.

    embeddings : array-like of shape (n_features, E) or mapping, default=None
        Word vectors, the initial embeddings of the terms: an array aligned with the
        columns of X, or a mapping from words to vectors, such as a dict or gensim's
        KeyedVectors. A DataFrame with words as index is aligned with the columns, if
        these have names or `vocabulary` is given. None learns the embeddings. Use
        :func:`~sklearn_topics.datasets.load_word_vectors` to read files, and
        :func:`embedding_matrix` in pipelines, where clones would copy a mapping.

    vocabulary : sequence of str, default=None
        Words of the columns of X, which are looked up in a mapping of embeddings. Words
        without a vector get a random one from N(0, 0.6^2), with a warning if fewer than
        half of the words have a vector. None takes the column names of X.

    embedding_dim : int, default=None
        Dimension of the embeddings if `embeddings` is None. Memory is proportional to
        it, and topics can differ in as many directions. None is 300, as in the paper.

    train_embeddings : bool, default=True
        Whether to train the embeddings of the terms, which then serve the topics of
        this corpus. False keeps them as they are, for topics in the space of other
        texts; perplexity is usually worse. False needs `embeddings`.

    hidden_layer_sizes : tuple of int, default=(400, 400)
        Number of units in each hidden layer of the encoder; at least one layer. Time
        and memory are proportional to the first. Two layers of 400 units were better
        than one layer of 400 or 800 on etm_20ng.

    activation : str, default="relu"
        Activation function of the hidden layers: "relu", "tanh", "softplus", "gelu",
        "elu" or "leaky_relu". The default is that of the original code.

    batch_norm : bool, default=True
        Whether to normalise hidden layers over the batch, before activation. After
        training, means and variances of all training documents are used, which cost one
        pass over X. Without it, the same number of epochs learns less.

    dropout : float, default=0.0
        Fraction of the last hidden units that is dropped in training. 0 by default,
        because `token_dropout` is there against overfitting.

    token_dropout : float, default=0.7
        Fraction of the terms of a document that are hidden from the encoder in
        training, so that it learns to infer topics from parts of documents. Sparse and
        dense X give the same terms.

    prior_scale : float, default=1.0
        Standard deviation s of the prior. Larger values allow proportions that are
        further from uniform: fewer topics per document. 1 is that of the paper; 2 had
        worse scores on etm_20ng.

    init : {"nmf", "random"}, default="nmf"
        Initialisation.

        - "nmf": fit Poisson NMF for some iterations; initialise the embeddings with its
          topics (or as near as the given `embeddings` allow), and pretrain the encoder
          on its topic proportions.
        - "random": small uniform random numbers.

    topic_word_pseudocount : float or array-like, default=None
        Used by init="nmf" only: pseudocounts of the terms in Poisson NMF, as in
        :class:`TorchPoissonNMF`; an array guides the topics by seed words, see
        :func:`sklearn_topics.curation.seed_pseudocounts`. The topics move from there
        by the documents alone. None is 0.2.

    topic_names : list of str, default=None
        Names of the topics, in order, for tables, plots and the columns of
        `transform`; None or "" for a topic without a name. Topics after the last name
        have none.

    max_iter : int, default=8
        Maximum number of epochs, after the initialisation. Time is proportional to it.
        8 are enough from "nmf"; "random" needs many more.

    batch_size : int, default=None
        Maximum number of documents in a batch. None is 250, or for fewer than 5000
        documents as many as give 20 batches per epoch, but at least 16.

    learning_rate : float, default=0.002
        Learning rate of the encoder. Too large values diverge, with an error; smaller
        ones need more epochs.

    topic_learning_rate : float, default=None
        Learning rate of the embeddings. None is `learning_rate` with init="random".
        With init="nmf" it is ``learning_rate / 40``, because the topics are almost
        final after the initialisation; or, if the given `embeddings` cannot represent
        these topics, ``10 * learning_rate`` times the root mean square of the
        embeddings.

    learning_rate_schedule : str or callable, default="cosine"
        Schedule of the learning rates: "constant"; "cosine", which decreases to zero
        over `max_iter` epochs; a callable that returns the factor of the learning rates
        for a number of completed epochs; or a scheduler of
        :mod:`torch.optim.lr_scheduler`: "StepLR", "MultiStepLR", "ExponentialLR",
        "LinearLR", "PolynomialLR", "CosineAnnealingLR", "CosineAnnealingWarmRestarts"
        or "ReduceLROnPlateau". Schedulers make one step per epoch, with the parameters
        `schedule_params`; "ReduceLROnPlateau" monitors minus the objective of
        `loss_history_`. Parameters such as `eta_min` refer to `learning_rate`;
        `topic_learning_rate` changes in proportion.

    schedule_params : dict, default=None
        Parameters of the scheduler, such as ``{"step_size": 10, "gamma": 0.5}`` for
        "StepLR".

    weight_decay : float, default=1.2e-6
        Weight of the L2 penalty on all parameters, added to the gradient. The default,
        that of the original code, is small.

    kl_warmup : int, default=0
        Number of epochs in which the weight of the Kullback-Leibler divergence
        increases from 0 to 1, so that the encoder does not begin with the prior. Not
        needed from init="nmf", therefore 0.

    max_grad_norm : float, default=None
        Maximum norm of the gradients, which are clipped to it, against divergence with
        large learning rates. None does not clip.

    early_stopping : bool, default=False
        If True, stop when the ELBO of the validation documents has not improved for
        `n_iter_no_change` epochs, and restore the best weights.

    validation_fraction : float, default=0.1
        Fraction of X to hold out for early stopping if no `X_val` is passed to `fit`. A
        larger one stops more reliably and leaves less to learn from.

    n_iter_no_change : int, default=3
        Number of epochs without improvement before early stopping. Larger values
        tolerate noise, and cost as many epochs.

    min_iter : int, default=1
        Minimum number of epochs before early stopping, for example those of a warm-up.

    inference : {"refined", "encoder"}, default="refined"
        Inference of the topic proportions in `transform` and `score`.

        - "refined": the most probable proportions given the document and the topics,
          with the output of the encoder as prior.
        - "encoder": the proportions at the mean of the encoder; faster, and less
          accurate.

    encoder_weight : float, default=20.0
        Weight of the prior for inference="refined": the number of tokens that the
        output of the encoder counts as. 0 ignores the encoder. Lower it if the encoder
        learned from few documents. It needs no new fit.

    warm_start : bool, default=False
        If True, reuse the weights of the previous fit, if any, as initialisation.

    random_state : int, RandomState instance or None, default=None
        Determines random number generation for the initialisation, batches and noise.
        Pass an int for reproducible results. Noise and dropout are drawn on the
        device: the same seed gives other numbers on another type of device.

    verbose : int, default=0
        If 1, print progress to standard error: the size of the data at once, then a
        line every few seconds, with the metrics of `loss_history_` when they are known.
        Long calls of `transform` print progress too.

    checkpoint : str or path-like, default=None
        File in which fit saves its state while it runs, which takes at most a tenth of
        the time. If fit is killed, running the same program again resumes from the
        file; the file is deleted when fit succeeds. Needs an int as `random_state` and
        a separate file for each fit, so not for searches. See :ref:`checkpoints`.

    device : str, default="auto"
        Device to compute on: "cpu", "cuda", "cuda:1", "mps", "xpu" or "auto". "auto" is
        the device of X if X is a torch.Tensor on CUDA or xpu. For other X, it is CUDA
        where that was measured to be faster than the CPU for the model and the size of
        X, else the CPU. Use ``device="cuda"`` to compute on a GPU.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Topics: term probabilities. Each row sums to one. Rows may be dropped or
        reordered after the fit: `transform`, `score` and `topic_neighbors` use the
        remaining rows, and raise an error for rows that are not topics of the fit.
        `elbo` and warm starts always use all fitted topics.

    n_components_ : int
        Number of topics: rows of ``components_``, also if these were edited.

    topic_embeddings_ : ndarray of shape (n_components, embedding_dim)
        Embeddings of the topics.

    embeddings_ : ndarray of shape (n_features, embedding_dim)
        Embeddings of the terms.

    embedding_coverage_ : float
        Fraction of the terms whose embedding was given: the fraction found in a
        mapping, 1 for an array, 0 without `embeddings`.

    encoder_weights_ : dict of str to ndarray
        Weights of the encoder, by their names in :class:`sklearn_topics.nn.ETM`.

    n_iter_ : int
        Number of epochs.

    batch_size_ : int
        The batch size that was used, in case `batch_size` is None.

    topic_learning_rate_ : float
        The rate that was used, in case `topic_learning_rate` is None.

    loss_history_ : dict of str to ndarray
        Metrics during the fit, recorded after each epoch: "iteration", "seconds",
        "elbo", "nll" and "kl" (means over the training documents during the epoch, in
        nats), "learning_rate", with validation documents "validation" (their mean
        `elbo`), and "objective", to be maximised: "validation" if there is one, else
        "elbo".

    topic_tokens_ : ndarray of shape (n_components,)
        Expected number of tokens of X from each topic, by the encoder.

    topic_names_ : ndarray of shape (n_components,)
        Names of the topics, "" for a topic without a name; only if there are names.

    n_features_in_ : int
        Number of terms seen during fit.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the terms, if all columns of X have string names.

    See Also
    --------
    TorchPoissonNMF : Topic model without embeddings and encoder; faster.
    sklearn_topics.nn.ETM : The ETM as a torch module, for custom training loops.

    Notes
    -----
    **How it scales.** An epoch takes time in proportion to nnz * H for the first layer
    with H units, and m * E * K per batch for the topics of m terms with embeddings of
    dimension E, whatever the number of documents in the batch. Memory is 10 m (E + H)
    numbers beside X, without copies of documents: a vocabulary of 100,000 terms takes
    2.8 GB by default. `inference="encoder"` makes `transform` faster.

    Integer counts below 2^24 are processed in float32, which represents them exactly;
    float64 data are processed in float64. Sparse X is never converted to a dense array,
    not even in batches.

    `transform` and `fit_transform` give the same result for the same X, to the last
    bit. The proportions of a document do not depend on the other documents, up to
    rounding in the matrix products of the encoder.

    References
    ----------
    .. [1] A. B. Dieng, F. J. R. Ruiz, D. M. Blei, "Topic modeling in embedding
       spaces", Transactions of the ACL 8, 2020, arXiv:1907.04907, algorithm 1.

    Examples
    --------
    >>> from sklearn_topics import TorchETM
    >>> from sklearn_topics.datasets import make_topic_corpus
    >>> X, theta, topics = make_topic_corpus(
    ...     n_samples=200, n_features=50, n_topics=3, random_state=0
    ... )
    >>> model = TorchETM(n_components=3, random_state=0).fit(X)
    >>> model.components_.shape
    (3, 50)
    >>> model.transform(X[:2]).sum(axis=1).round(4).tolist()
    [1.0, 1.0]
    """

    # Set by `fit`.
    components_: np.ndarray
    topic_embeddings_: np.ndarray
    embeddings_: np.ndarray
    embedding_coverage_: float
    encoder_weights_: dict
    n_iter_: int
    batch_size_: int
    topic_learning_rate_: float
    loss_history_: dict
    topic_tokens_: np.ndarray
    topic_names_: np.ndarray
    n_features_in_: int
    feature_names_in_: np.ndarray

    _parameter_constraints = {
        **BaseTopicModel._parameter_constraints,
        "embeddings": "no_validation",
        "vocabulary": ["array-like", None],
        "embedding_dim": [Interval(Integral, 1, None, closed="left"), None],
        "train_embeddings": ["boolean"],
        "hidden_layer_sizes": [tuple, list],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "batch_norm": ["boolean"],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "token_dropout": [Interval(Real, 0, 1, closed="left")],
        "prior_scale": [Interval(Real, 0, None, closed="neither")],
        "init": [StrOptions({"nmf", "random"})],
        "topic_word_pseudocount": [
            Interval(Real, 0, None, closed="left"),
            "array-like",
            None,
        ],
        "topic_names": ["array-like", None],
        "batch_size": [Interval(Integral, 1, None, closed="left"), None],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "topic_learning_rate": [Interval(Real, 0, None, closed="left"), None],
        "learning_rate_schedule": [StrOptions(set(SCHEDULES)), callable],
        "schedule_params": [dict, None],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "kl_warmup": [Interval(Integral, 0, None, closed="left")],
        "max_grad_norm": [Interval(Real, 0, None, closed="neither"), None],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "min_iter": [Interval(Integral, 1, None, closed="left")],
        "inference": [StrOptions({"refined", "encoder"})],
        "encoder_weight": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        n_components=10,
        *,
        embeddings=None,
        vocabulary=None,
        embedding_dim=None,
        train_embeddings=True,
        hidden_layer_sizes=(400, 400),
        activation="relu",
        batch_norm=True,
        dropout=0.0,
        token_dropout=0.7,
        prior_scale=1.0,
        init="nmf",
        topic_word_pseudocount=None,
        topic_names=None,
        max_iter=8,
        batch_size=None,
        learning_rate=0.002,
        topic_learning_rate=None,
        learning_rate_schedule="cosine",
        schedule_params=None,
        weight_decay=1.2e-6,
        kl_warmup=0,
        max_grad_norm=None,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=3,
        min_iter=1,
        inference="refined",
        encoder_weight=20.0,
        warm_start=False,
        random_state=None,
        verbose=0,
        checkpoint=None,
        device="auto",
    ) -> None:
        self.n_components = n_components
        self.embeddings = embeddings
        self.vocabulary = vocabulary
        self.embedding_dim = embedding_dim
        self.train_embeddings = train_embeddings
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.batch_norm = batch_norm
        self.dropout = dropout
        self.token_dropout = token_dropout
        self.prior_scale = prior_scale
        self.init = init
        self.topic_word_pseudocount = topic_word_pseudocount
        self.topic_names = topic_names
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.topic_learning_rate = topic_learning_rate
        self.learning_rate_schedule = learning_rate_schedule
        self.schedule_params = schedule_params
        self.weight_decay = weight_decay
        self.kl_warmup = kl_warmup
        self.max_grad_norm = max_grad_norm
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.min_iter = min_iter
        self.inference = inference
        self.encoder_weight = encoder_weight
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose
        self.checkpoint = checkpoint
        self.device = device

    @on_all_ranks
    @_fit_context(prefer_skip_nested_validation=True)
    @plain_torch
    def fit(self, X, y=None, X_val=None) -> Self:
        """Fit topics, embeddings and the encoder.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
            Document-term counts. Other nonnegative numbers are accepted, with a warning
            if most are not integers.
        y : Ignored
            Not used, present for API consistency by convention.
        X_val : {array-like, sparse matrix, torch.Tensor} of shape \
                (n_validation_samples, n_features), default=None
            Validation documents, whose ELBO is recorded in `loss_history_` and
            monitored by early stopping, in place of a part of X.

        Returns
        -------
        self : object
            The fitted model.

        Raises
        ------
        FloatingPointError
            If training diverges. The model keeps the state before that epoch.
        """
        self._fit(X, y, X_val)
        return self

    @on_all_ranks
    @_fit_context(prefer_skip_nested_validation=True)
    @plain_torch
    def fit_transform(self, X, y=None, X_val=None) -> np.ndarray:
        """Fit the topic model and return the topic proportions of the documents.

        The same as ``fit(X).transform(X)``, to the last bit.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
            Document-term counts. Other nonnegative numbers are accepted, with a warning
            if most are not integers.
        y : Ignored
            Not used, present for API consistency by convention.
        X_val : {array-like, sparse matrix, torch.Tensor} of shape \
                (n_validation_samples, n_features), default=None
            Validation documents, as in `fit`.

        Returns
        -------
        theta : ndarray of shape (n_samples, n_components)
            Topic proportions, as `transform` returns them.
        """
        X_device = self._fit(X, y, X_val)
        topics = to_device(self.components_, X_device.device)
        return self._transformed(X_device, topics, X)

    @plain_torch
    def elbo(self, X) -> float:
        """Evaluate the evidence lower bound (ELBO) of documents.

        Approximated at the mean of the encoder, without random draws of the
        proportions, so that every call gives the same value; it may exceed the
        expectation over draws.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
            Document-term counts.

        Returns
        -------
        elbo : float
            Mean ELBO per document, in nats, without the multinomial coefficient.
        """
        X_device, _ = self._upload(X, "elbo")
        module = self._fitted_module(X_device)
        return float(etm.bounds(module, X_device, MAX_BATCH).mean())

    def topic_neighbors(self, n_terms=10, *, feature_names=None) -> np.ndarray:
        """Find the terms with embeddings most similar to each topic, by cosine.

        Parameters
        ----------
        n_terms : int, default=10
            Number of terms for each topic.
        feature_names : sequence of str, default=None
            Names of the terms. If None, the column names of the fitted X, or
            `vocabulary`.

        Returns
        -------
        neighbors : ndarray of shape (n_components, n_terms)
            Names of the terms, or their indices without names; most similar first.
        """
        check_is_fitted(self)
        topics = (self._mixture() @ self.topic_embeddings_)[self._rows_of_fit()]
        names = term_names(self, feature_names, numbers=False)
        return nearest_terms(topics, self.embeddings_, names, n_terms)

    def word_neighbors(self, words, n_terms=10, *, feature_names=None) -> np.ndarray:
        """Find the terms with embeddings most similar to given terms, by cosine.

        Parameters
        ----------
        words : str, int, or sequence of them
            Terms, by name or index. For a pipeline, which has the names of the terms,
            use :func:`sklearn_topics.inspection.word_neighbors`.
        n_terms : int, default=10
            Number of neighbours of each term, without the term itself.
        feature_names : sequence of str, default=None
            Names of the terms. If None, the column names of the fitted X, or
            `vocabulary`.

        Returns
        -------
        neighbors : ndarray of shape (len(words), n_terms)
            Names of the terms, or their indices without names; most similar first.
        """
        check_is_fitted(self)
        names = term_names(self, feature_names, numbers=False)
        return neighbors_of_words(words, self.embeddings_, names, n_terms)

    def _fit(self, X, y, X_val):
        """Set the fitted attributes; return X on the device."""
        self._check_parameters()
        names_of_topics = check_topic_names(self.topic_names, self.n_components)
        with fit_session(self, X, y, max_iter=self.max_iter) as observers:
            data = check_counts(self, X, reset=not self._continues, method="fit")
            X_device = self._to_device(data)
            require_tokens(X_device)
            warn_unless_counts(self, X_device, self._prior())
            training, held_out = training_and_validation(self, X_device, X_val)
            generator = make_generator(self.random_state)
            module, topic_rate, coverage = self._start(training, generator)
            trainer = self._trainer(module, topic_rate, training, held_out)

            def attributes(state, n_iter):
                return self._attributes(trainer.settled(training, state), n_iter)

            run = fit_from_starts(
                trainer,
                training,
                [trainer.init_state(training, generator)],
                max_iter=self.max_iter,
                stop=NoImprovement(
                    self.n_iter_no_change if self.early_stopping else None,
                    self.min_iter,
                ),
                select="best" if self.early_stopping else "last",
                observers=observers,
                attributes=attributes,
                data={
                    "the validation documents": held_out,
                    "the embeddings at the start": module.embeddings,
                },
            )
            best = run.best
            if best.state is not None:
                vars(self).update(attributes(best.state, best.n_iter))
                self.components_ = agreed_array(self.components_)
                if coverage is not None:
                    self.embedding_coverage_ = coverage
                self.batch_size_ = trainer.batch_size
                self.topic_learning_rate_ = float(trainer.topic_learning_rate)
                self.loss_history_ = best.loss_history
                theta = etm.encode(self._fitted_module(X_device), X_device, MAX_BATCH)
                tokens = to_numpy(all_sum(expected_tokens(X_device, theta)))
                self.topic_tokens_ = tokens.astype(np.float64)
                set_topic_names(self, names_of_topics)
            if run.interrupted is not None:
                raise run.interrupted
        self._warn_of_equal_topics()
        return X_device

    def _check_parameters(self):
        self._schedule()
        check_layer_sizes(self.hidden_layer_sizes, "hidden_layer_sizes")
        if self.topic_word_pseudocount is not None and self.init != "nmf":
            raise ValueError(
                "topic_word_pseudocount can be used by init='nmf' only, but init is "
                f"{self.init!r}."
            )
        if self.embeddings is None and not self.train_embeddings:
            raise ValueError("train_embeddings=False needs embeddings: pass them.")
        if self.embeddings is not None and self.embedding_dim is not None:
            raise ValueError(
                "embedding_dim cannot be used with embeddings, which have their own "
                "dimension. Use embedding_dim=None."
            )

    def _start(self, X, generator):
        """Initialise the module.

        Returns the module, the default of topic_learning_rate, and the coverage of the
        embeddings (None for a warm start).
        """
        if self._continues:
            if not self._same_architecture():
                raise ValueError(
                    "warm_start=True continues with the encoder of the last fit: use "
                    f"the same {', '.join(_ARCHITECTURE)}, or warm_start=False."
                )
            slow = self.init == "nmf"
            rate = self.learning_rate * (_SLOW_TOPICS if slow else 1.0)
            return self._fitted_module(X), rate, None
        m, dtype = X.shape[1], numpy_dtype(X)
        names = getattr(self, "feature_names_in_", None)
        given, coverage = check_embeddings(
            self.embeddings, self.vocabulary, names, m, dtype, self.random_state
        )
        dim = self.embedding_dim or _EMBEDDING_DIM
        dim = dim if given is None else given.shape[1]
        require_same("the dimension of the embeddings", str(dim))
        options = {"generator": generator, "device": X.device, "dtype": X.dtype}
        module = self._module(self._architecture(), m, dim, **options)
        with torch.no_grad():
            if given is not None:
                module.embeddings.copy_(to_device(given, X.device))
            # Without an int as random_state, each rank has drawn other vectors.
            module.embeddings.copy_(agreed(module.embeddings))
        if self.init == "random":
            return module, self.learning_rate, coverage
        topic_error = init_from_nmf(
            module,
            X,
            generator,
            start=raced_factors,
            steering=self._steering(X),
            keep_embeddings=given is not None,
            batch_size=self._batch_size(X),
            progress=partial(Progress, verbose=self.verbose),
        )
        if topic_error < _HELD:
            return module, self.learning_rate * _SLOW_TOPICS, coverage
        size = float(agreed(module.embeddings.detach().square().mean().sqrt()))
        return module, self.learning_rate * _FAST_TOPICS * size, coverage

    def _steering(self, X):
        """The validated seeds of the initialisation."""
        if self.topic_word_pseudocount is None:
            return None
        steering = Steering.of(self, X)
        if steering.fixes:
            raise ValueError(
                "TorchETM cannot exclude terms from topics: topic_word_pseudocount "
                "must be at least 0."
            )
        return steering

    def _prior(self):
        """The weight of the prior in each document, as text."""
        if self.inference == "encoder":
            return "with so few the prior of the topic proportions outweighs them"
        return f"the output of the encoder counts as {self.encoder_weight:g}"

    def _architecture(self):
        """Parameters of the architecture, which the weights do not show."""
        values = {name: getattr(self, name) for name in _ARCHITECTURE}
        values["hidden_layer_sizes"] = np.array(self.hidden_layer_sizes)
        return values

    def _same_architecture(self):
        now = self._architecture().items()
        return all(
            np.array_equal(v, self._fitted_architecture[name]) for name, v in now
        )

    def _module(self, architecture, m, embedding_dim, **options):
        sizes = architecture["hidden_layer_sizes"].tolist()
        return ETM(
            m,
            embedding_dim=embedding_dim,
            dropout=self.dropout,
            token_dropout=self.token_dropout,
            **{**architecture, "hidden_layer_sizes": tuple(sizes)},
            **options,
        )

    def _trainer(self, module, topic_rate, X, held_out):
        module.embeddings.requires_grad_(bool(self.train_embeddings))
        if self.topic_learning_rate is not None:
            topic_rate = self.topic_learning_rate
        return etm.ETMTrainer(
            module,
            schedule=self._schedule(),
            topic_learning_rate=topic_rate,
            weight_decay=self.weight_decay,
            batch_size=self._batch_size(X),
            kl_warmup=self.kl_warmup,
            max_grad_norm=self.max_grad_norm,
            held_out=held_out,
        )

    def _refused_in_groups(self, method):
        return None

    _sizes = "n_components", "batch_size", "hidden_layer_sizes", "embedding_dim"

    def _memory(self, X):
        width = self.hidden_layer_sizes[0] + (self.embedding_dim or _EMBEDDING_DIM)
        what = "Embeddings and first layer, with their gradients and moments"
        return {what: 4 * X.shape[1] * width * value_bytes(X, self)}

    def _batch_size(self, X):
        return int(self.batch_size or default_batch_size(all_rows(X.shape[0])))

    def _schedule(self):
        choice, params = self.learning_rate_schedule, self.schedule_params
        return make_schedule(choice, params, self.learning_rate, self.max_iter)

    def _attributes(self, state, n_iter):
        """Fitted attributes of the current state, for callbacks too."""
        weights = {
            name.removeprefix("module."): to_numpy(value)
            for name, value in state.items()
            if name.startswith("module.")
        }
        embeddings = state["module.embeddings"], state["module.topic_embeddings"]
        topics = to_numpy(etm.embedded_topics(*embeddings))
        return {
            "components_": topics,
            "embeddings_": weights.pop("embeddings"),
            "topic_embeddings_": weights.pop("topic_embeddings"),
            "encoder_weights_": {
                name.removeprefix("encoder."): value for name, value in weights.items()
            },
            "n_iter_": n_iter,
            "_fitted_architecture": self._architecture(),
            "_topic_mixture": np.eye(len(topics)),
        }

    def _fitted_module(self, X):
        """The module of the last fit, with the dtype and device of X."""
        weights = {
            "embeddings": self.embeddings_,
            "topic_embeddings": self.topic_embeddings_,
            **{f"encoder.{name}": v for name, v in self.encoder_weights_.items()},
        }
        weights = {
            name: to_device(value, X.device).to(X.dtype)
            for name, value in weights.items()
        }
        module = self._module(
            self._fitted_architecture, *self.embeddings_.shape, device="meta"
        )
        module.load_state_dict(weights, assign=True)
        return module

    def _infer(self, X, topics, verbose=0):
        self._validate_params()  # the user may have set them after fit
        proposed = etm.encode(self._fitted_module(X), X, MAX_BATCH)
        mixture, rows = self._mixture(), self._rows_of_fit()
        if not np.array_equal(mixture, np.eye(proposed.shape[1])):
            parts = to_device((mixture.T > 0).astype(numpy_dtype(X)), X.device)
            proposed = proposed @ parts
        if rows != list(range(len(self.topic_embeddings_))):
            proposed = normalize_rows(proposed[:, rows].clamp(min=_LEAST_SHARE))
        tokens = document_sizes(X)[:, None]
        proposed = proposed.where(tokens > 0, 1 / len(topics))
        if self.inference == "encoder":
            return proposed

        def infer(X, proposed):
            return fold_in_around(X, topics, proposed, weight=self.encoder_weight)

        return in_row_blocks(infer, X, proposed, verbose=verbose)

    def _mixture(self):
        """Topics of the encoder in each topic: (n_topics, n_topics of the encoder)."""
        # Files of earlier versions have none.
        return getattr(self, "_topic_mixture", np.eye(len(self.topic_embeddings_)))

    def _replace_topics(self, components, tokens, *, mix, shares):
        if mix is None:
            raise ValueError(
                "A topic of TorchETM cannot be split: its encoder knows no parts of "
                "it. Fit with a larger n_components."
            )
        mixture, rows = self._mixture(), self._rows_of_fit()
        b = self.topic_word_pseudocount
        if b is not None and not isinstance(b, Real):
            self.topic_word_pseudocount = shares @ np.asarray(b)
        super()._replace_topics(components, tokens, mix=mix, shares=shares)
        self._topic_mixture = mix @ mixture[rows]

    def _rows_of_fit(self):
        """The topic of the encoder that each row of ``components_`` is.

        Or of `_topic_mixture`, if topics were merged.
        """
        embeddings = map(torch.from_numpy, (self.embeddings_, self.topic_embeddings_))
        topics = self._mixture() @ etm.embedded_topics(*embeddings).numpy()
        return match_topics(self.components_, topics, _SAME_TOPIC)

    def _warn_of_equal_topics(self):
        found = coinciding_topics(self.components_, _COINCIDE)
        pairs = [f"{k} and {other}" for k, other in found]
        if pairs and is_first():
            advice = "choose a smaller n_components"
            if self.init == "random":
                advice += ", a larger max_iter, or init='nmf'"
            warn_user(
                f"Topics {', '.join(pairs[:3])}{' and others' * (len(pairs) > 3)} "
                f"coincide: {advice}.",
                UserWarning,
            )
