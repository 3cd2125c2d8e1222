"""TorchETM: the embedded topic model."""

from numbers import Integral, Real
from os import PathLike

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from .._boundary.contexts import plain_torch
from .._boundary.counts import require_tokens, warn_unless_counts
from .._boundary.embeddings import check_embeddings
from .._boundary.inputs import check_counts
from .._boundary.neighbors import nearest_terms, neighbors_of_words
from .._boundary.sklearn_private import Interval, StrOptions, _fit_context, are_sizes
from .._boundary.topics import coinciding_topics, match_topics, term_names
from .._boundary.transfer import (
    make_generator,
    resolve_device,
    to_device,
    to_numpy,
)
from .._boundary.warning import warn_user
from .._core import etm
from .._core.fold_in import fold_in_around
from .._core.schedule import SCHEDULES, make_schedule
from .._core.topic_model import document_sizes
from .._fit.etm_start import (
    MAX_BATCH,
    batch_size,
    begin_from_nmf,
    training_and_validation,
)
from .._fit.loop import fit_from_starts
from .._fit.row_blocks import in_row_blocks
from .._fit.session import fit_session
from .._fit.stopping import NoImprovement
from ..nn import ETM
from ..nn._etm import ACTIVATIONS
from ._base import BaseTopicModel

#: Length of embeddings that are learned from nothing.
_EMBEDDING_DIM = 300

#: topic_learning_rate by default, in units of learning_rate: topics of Poisson NMF are
#: near their place. Where embeddings miss them by more than a total variation distance,
#: topics have a long way to go, and rates are relative to the embeddings' size.
_SLOW_TOPICS, _FAST_TOPICS, _HELD = 0.025, 10.0, 0.1

#: What decides which parameters the module has, and what they mean.
_ARCHITECTURE = (
    "n_components",
    "hidden_layer_sizes",
    "activation",
    "batch_norm",
    "prior_scale",
)

#: Half the L1 distance below which two topics are said to coincide, and below which a
#: row of components_ is a topic of the fit. Of topics that are left, the least share
#: that the encoder proposes: one topic must be possible.
_COINCIDE, _SAME_TOPIC, _LEAST_SHARE = 0.05, 1e-3, 1e-12


class TorchETM(BaseTopicModel):
    r"""Embedded topic model.

    Topics and terms have embeddings in one space: topic k is the distribution
    :math:`\mathrm{softmax}(\rho \alpha_k)` over terms, with the embeddings :math:`\rho`
    of the terms and :math:`\alpha_k` of the topic. A document's proportions are
    :math:`\mathrm{softmax}(\delta)`, :math:`\delta \sim N(0, s^2 I)`, and a neural
    encoder infers them. Encoder and embeddings are trained together, by Adam on the
    evidence lower bound [1]_.

    Read more in the :ref:`User Guide <etm>`.

    Parameters
    ----------
    n_components : int, default=10
        Number of topics.

    embeddings : array-like of shape (n_features, E) or mapping, default=None
        Embeddings of the terms to begin with: an array aligned with the columns of X,
        or a mapping from words to vectors, with `vocabulary`. Rows of a DataFrame
        whose index holds words are put in the order of the columns, if those have
        names or `vocabulary` is given. None learns the embeddings. Files
        are read by :func:`~sklearn_topics.datasets.load_word_vectors`. For pipelines
        see :func:`embedding_matrix`, because a clone copies a mapping.

    vocabulary : sequence of str, default=None
        Words of the columns of X, to be looked up in a mapping of embeddings; those
        without a vector get one drawn from N(0, 0.6^2), with a warning if they are
        most. None takes the names of the columns.

    embedding_dim : int, default=None
        Length of embeddings that are learned from nothing. None is 300.

    train_embeddings : bool, default=True
        Whether the embeddings of the terms are trained. False needs `embeddings`.

    hidden_layer_sizes : tuple of int, default=(400, 400)
        Units of each hidden layer of the encoder; at least one layer.

    activation : str, default="relu"
        Activation of the hidden layers: "relu", "tanh", "softplus", "gelu", "elu" or
        "leaky_relu".

    batch_norm : bool, default=True
        Whether hidden layers are normalised over the batch, before activation. New
        documents are normalised by means and variances over all training documents.

    dropout : float, default=0.0
        Share of the last hidden units that is dropped in training.

    token_dropout : float, default=0.7
        Share of a document's terms that the encoder is not shown in training, so that
        it learns to infer topics from parts of documents. Which ones does not depend
        on whether X is sparse or dense.

    prior_scale : float, default=1.0
        The standard deviation s of the prior.

    init : {"nmf", "random"}, default="nmf"
        Where to begin.

        - "nmf": topics and proportions of some iterations of Poisson NMF; embeddings
          that give these topics (of given embeddings: the topics nearest to them), and
          an encoder that has learned these proportions;
        - "random": small uniform values.

    max_iter : int, default=8
        Most epochs of training, after the start.

    batch_size : int, default=None
        Most documents in a batch. None is 250, and less for fewer than 5000 documents:
        an epoch then has 20 batches, of at least 16 documents.

    learning_rate : float, default=0.002
        Of the encoder.

    topic_learning_rate : float, default=None
        Of the embeddings. None is `learning_rate` with init="random". After "nmf" it is
        a fortieth of that, because topics begin near their place; but where given
        embeddings cannot hold those topics, ten times that, times the root mean square
        of the embeddings.

    learning_rate_schedule : str or callable, default="cosine"
        Factor of the learning rates: 1 for "constant"; "cosine" falls from 1 to 0 in
        `max_iter` epochs; a callable gets the number of epochs done.
        The schedulers of :mod:`torch.optim.lr_scheduler` go by their
        names: "StepLR", "MultiStepLR", "ExponentialLR", "LinearLR", "PolynomialLR",
        "CosineAnnealingLR", "CosineAnnealingWarmRestarts" and "ReduceLROnPlateau". They
        make one step an epoch, with `schedule_params`; "ReduceLROnPlateau"
        looks at minus the objective of `loss_history_`. Their rates, as `eta_min`, are
        those of `learning_rate`; `topic_learning_rate` stays in proportion.

    schedule_params : dict, default=None
        Parameters of a scheduler of torch, as ``{"step_size": 10, "gamma": 0.5}`` for
        "StepLR".

    weight_decay : float, default=1.2e-6
        L2 penalty of all parameters, added to the gradient.

    kl_warmup : int, default=0
        Epochs in which the weight of the divergence grows from 0 to 1.

    max_grad_norm : float, default=None
        Norm that gradients are clipped to. None does not clip.

    early_stopping : bool, default=False
        True stops when the bound of validation documents has not risen for
        `n_iter_no_change` epochs, and returns the best weights.

    validation_fraction : float, default=0.1
        Share of X that is held out for early stopping, if `fit` gets no `X_val`.

    n_iter_no_change : int, default=3
        Epochs without improvement after which early stopping ends.

    min_iter : int, default=1
        Least epochs before early stopping.

    inference : {"refined", "encoder"}, default="refined"
        What `transform` and `score` do.

        - "refined": the most probable proportions given the document and the topics,
          with the encoder's as prior;
        - "encoder": proportions at the encoder's mean.

    encoder_weight : float, default=20.0
        For "refined": the tokens that the encoder's proportions count as.

    warm_start : bool, default=False
        True continues from the weights of the last fit, if there was one.

    random_state : int, RandomState instance or None, default=None
        Determines start, batches and noise. Pass an int for reproducible results.

    verbose : int, default=0
        1 shows progress on standard error: the size of the data at once, then a line
        every few seconds, with the numbers of `loss_history_` where they are known.
        `transform` of many documents shows its own.

    checkpoint : str or path-like, default=None
        A file in which fit keeps its state while it runs, at most a tenth of the time,
        to continue from there if it is killed and the same program is run again. It is
        removed when fit has ended well. Needs an int as `random_state`, and a file of
        its own for each fit, so not for searches. See :ref:`checkpoints`.

    device : str, default="auto"
        Where to compute: "auto" (a CUDA device if there is one, else the CPU),
        "cpu", "cuda", "cuda:1", "mps" or "xpu".

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Topics: probabilities of the terms. Each row sums to one. Rows may be dropped
        or reordered after the fit: `transform`, `score` and `topic_neighbors` follow,
        and refuse rows that are no topics of the fit. `elbo` and a warm start are
        those of the fitted encoder.

    n_components_ : int
        Number of topics: rows of ``components_``, also where they were edited.

    topic_embeddings_ : ndarray of shape (n_components, embedding_dim)
        Embeddings of the topics.

    embeddings_ : ndarray of shape (n_features, embedding_dim)
        Embeddings of the terms.

    embedding_coverage_ : float
        Share of the terms whose embedding was given: of a mapping those that are in
        it, 1 for an array and 0 without `embeddings`.

    encoder_weights_ : dict of str to ndarray
        Parameters of the encoder, by their names in :class:`sklearn_topics.nn.ETM`.

    n_iter_ : int
        Epochs run.

    batch_size_ : int
        Most documents in a batch, where `batch_size` is None.

    topic_learning_rate_ : float
        The rate that was used, where `topic_learning_rate` is None.

    loss_history_ : dict of str to ndarray
        One entry an epoch: "iteration", "seconds", "elbo", "nll" and "kl" (means over
        the training documents during the epoch, in nats), "learning_rate", and with
        validation documents "validation", their mean `elbo`. "objective" is the last of
        these, or else "elbo".

    n_features_in_ : int
        Number of terms seen in fit.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the terms; only if the columns of X have string names.

    See Also
    --------
    TorchPoissonNMF : Topics without embeddings or encoder; faster.
    sklearn_topics.nn.ETM : The module, for training loops of one's own.

    Notes
    -----
    Integer counts below 2^24 are computed in float32, which holds them exactly;
    float64 data are computed in float64. Sparse X is never made dense, nor is a batch
    of it.

    `transform` and `fit_transform` give the same to the last bit for the same X. A
    document's proportions do not depend on the other documents but for rounding in the
    encoder's matrix products.

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

    _parameter_constraints = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
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
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left"), None],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "topic_learning_rate": [Interval(Real, 0, None, closed="left"), None],
        "learning_rate_schedule": [
            StrOptions(set(SCHEDULES)),
            callable,
        ],
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
        "warm_start": ["boolean"],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
        "checkpoint": [str, PathLike, None],
        "device": [str],
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
    ):
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

    @_fit_context(prefer_skip_nested_validation=True)
    @plain_torch
    def fit(self, X, y=None, X_val=None):
        """Learn topics, embeddings and the encoder.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
            Counts, documents x terms. Other nonnegative numbers are accepted, with a
            warning if most are not integers.
        y : Ignored
            Present for consistency of the API.
        X_val : {array-like, sparse matrix, torch.Tensor} of shape \
                (n_validation_samples, n_features), default=None
            Documents whose bound goes into `loss_history_`, and which early stopping
            looks at in place of a part of X.

        Returns
        -------
        self : object
            The fitted model.

        Raises
        ------
        FloatingPointError
            If training diverges. The model is as it was before that epoch.
        """
        self._fit(X, y, X_val)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    @plain_torch
    def fit_transform(self, X, y=None, X_val=None):
        """Learn the topics of documents and return their proportions in them.

        Equal to ``fit(X).transform(X)``, to the last bit.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
            Counts, documents x terms. Other nonnegative numbers are accepted, with a
            warning if most are not integers.
        y : Ignored
            Present for consistency of the API.
        X_val : {array-like, sparse matrix, torch.Tensor} of shape \
                (n_validation_samples, n_features), default=None
            As in `fit`.

        Returns
        -------
        theta : ndarray of shape (n_samples, n_components)
            Topic proportions, as `transform` returns them.
        """
        X_device = self._fit(X, y, X_val)
        topics = to_device(self.components_, X_device.device)
        theta = self._proportions(X_device, topics, self.verbose)
        return self._like_input(to_numpy(theta), X)

    @plain_torch
    def elbo(self, X):
        """Evidence lower bound of documents, approximated at the encoder's mean.

        Without draws of the proportions: it is the same in every call, and may exceed
        the bound's expectation.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
            Counts, documents x terms.

        Returns
        -------
        elbo : float
            Mean over the documents, in nats, without the multinomial coefficient.
        """
        X_device, _ = self._upload(X, "elbo")
        module = self._fitted_module(X_device)
        return float(etm.bounds(module, X_device, MAX_BATCH).mean())

    def topic_neighbors(self, n_terms=10, *, feature_names=None):
        """Find the terms whose embeddings are nearest to each topic's, by cosine.

        Parameters
        ----------
        n_terms : int, default=10
            Terms for each topic.
        feature_names : sequence of str, default=None
            Names of the terms. None takes the column names of the fitted X, or
            `vocabulary`.

        Returns
        -------
        neighbors : ndarray of shape (n_components, n_terms)
            Names of the terms, nearest first; their indices if they have no names.
        """
        check_is_fitted(self)
        topics = self.topic_embeddings_[self._rows_of_fit()]
        names = term_names(self, feature_names, numbers=False)
        return nearest_terms(topics, self.embeddings_, names, n_terms)

    def word_neighbors(self, words, n_terms=10, *, feature_names=None):
        """Find the terms whose embeddings are nearest to given terms', by cosine.

        Parameters
        ----------
        words : str, int, or sequence of them
            Names of terms, if the terms have names, or indices. A single str is one
            word. In a pipeline :func:`sklearn_topics.inspection.word_neighbors` finds
            the names.
        n_terms : int, default=10
            Terms for each of them, without itself.
        feature_names : sequence of str, default=None
            Names of the terms. None takes the column names of the fitted X, or
            `vocabulary`.

        Returns
        -------
        neighbors : ndarray of shape (len(words), n_terms)
            Names of the terms, nearest first; their indices if they have no names.
        """
        check_is_fitted(self)
        names = term_names(self, feature_names, numbers=False)
        return neighbors_of_words(words, self.embeddings_, names, n_terms)

    def _fit(self, X, y, X_val):
        """Set the fitted attributes; returns X on the device."""
        self._check_parameters()
        with fit_session(self, X, y, max_iter=self.max_iter) as observers:
            data = check_counts(self, X, reset=not self._continues, method="fit")
            require_tokens(data)
            warn_unless_counts(self, data, self._prior())
            device = resolve_device(self.device)
            X_device = to_device(data, device)
            training, held_out = training_and_validation(self, data, X_device, X_val)
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
                if coverage is not None:
                    self.embedding_coverage_ = coverage
                self.batch_size_ = trainer.batch_size
                self.topic_learning_rate_ = float(trainer.topic_learning_rate)
                self.loss_history_ = best.loss_history
            if run.interrupted is not None:
                raise run.interrupted
        self._warn_of_equal_topics()
        return X_device

    def _check_parameters(self):
        self._schedule()
        sizes = self.hidden_layer_sizes
        if not are_sizes(sizes):
            raise ValueError(
                "hidden_layer_sizes must hold at least one positive integer. Got "
                f"{sizes!r}."
            )
        if self.embeddings is None and not self.train_embeddings:
            raise ValueError("train_embeddings=False needs embeddings.")
        if self.embeddings is not None and self.embedding_dim is not None:
            raise ValueError(
                "embedding_dim is the length of embeddings learned from nothing; given "
                "embeddings have their own. Leave it None."
            )

    def _start(self, X, generator):
        """The module before its first epoch, and topic_learning_rate by default.

        And the coverage of the embeddings, None where the last fit's go on.
        """
        if self._continues:
            if not self._same_architecture():
                raise ValueError(
                    "warm_start=True continues with the encoder of the last fit: set "
                    f"{', '.join(_ARCHITECTURE)} as they were, or fit anew."
                )
            slow = self.init == "nmf"
            rate = self.learning_rate * (_SLOW_TOPICS if slow else 1.0)
            return self._fitted_module(X), rate, None
        m, dtype = X.shape[1], np.dtype(str(X.dtype).removeprefix("torch."))
        given, coverage = check_embeddings(
            self.embeddings,
            self.vocabulary,
            getattr(self, "feature_names_in_", None),
            m,
            dtype,
            self.random_state,
        )
        dim = self.embedding_dim or _EMBEDDING_DIM
        module = self._module(
            self._architecture(),
            m,
            dim if given is None else given.shape[1],
            generator=generator,
            device=X.device,
            dtype=X.dtype,
        )
        if given is not None:
            with torch.no_grad():
                module.embeddings.copy_(to_device(given, X.device))
        if self.init == "random":
            return module, self.learning_rate, coverage
        miss = begin_from_nmf(self, module, X, generator, given is not None)
        if miss < _HELD:
            return module, self.learning_rate * _SLOW_TOPICS, coverage
        size = float(module.embeddings.detach().square().mean().sqrt())
        return module, self.learning_rate * _FAST_TOPICS * size, coverage

    def _prior(self):
        """What the prior counts as in each document, in words."""
        if self.inference == "encoder":
            return "with so few the prior of its topics outweighs them"
        return f"the encoder's proposal counts as {self.encoder_weight:g}"

    def _architecture(self):
        """What the module is made of and its parameters' values do not show."""
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
            batch_size=batch_size(self, X),
            kl_warmup=self.kl_warmup,
            max_grad_norm=self.max_grad_norm,
            held_out=held_out,
        )

    def _schedule(self):
        choice, params = self.learning_rate_schedule, self.schedule_params
        return make_schedule(choice, params, self.learning_rate, self.max_iter)

    @property
    def _continues(self):
        """Whether fit begins from the weights of the last one."""
        return self.warm_start and hasattr(self, "components_")

    def _attributes(self, state, n_iter):
        """The fitted attributes, also for callbacks that want a model."""
        weights = {
            name.removeprefix("module."): to_numpy(value)
            for name, value in state.items()
            if name.startswith("module.")
        }
        topics = to_numpy(etm.topics_of(state))
        return {
            "components_": topics,
            "embeddings_": weights.pop("embeddings"),
            "topic_embeddings_": weights.pop("topic_embeddings"),
            "encoder_weights_": {
                name.removeprefix("encoder."): value for name, value in weights.items()
            },
            "n_iter_": n_iter,
            "_fitted_architecture": self._architecture(),
        }

    def _fitted_module(self, X):
        """The module of the last fit, in X's dtype and on its device."""
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
        self._validate_params()  # they may have been set since fit
        proposed = etm.encode(self._fitted_module(X), X, MAX_BATCH)
        rows = self._rows_of_fit()
        if rows != list(range(proposed.shape[1])):
            proposed = proposed[:, rows].clamp(min=_LEAST_SHARE)
            proposed = proposed / proposed.sum(1, keepdim=True)
        tokens = document_sizes(X)[:, None]
        proposed = proposed.where(tokens > 0, 1 / len(topics))
        if self.inference == "encoder":
            return proposed

        def infer(X, proposed):
            return fold_in_around(X, topics, proposed, weight=self.encoder_weight)

        return in_row_blocks(infer, X, proposed, verbose=verbose)

    def _rows_of_fit(self):
        """Which topic of the encoder each row of ``components_`` is."""
        names = "embeddings", "topic_embeddings"
        state = {f"module.{n}": torch.from_numpy(getattr(self, f"{n}_")) for n in names}
        return match_topics(self.components_, etm.topics_of(state).numpy(), _SAME_TOPIC)

    def _warn_of_equal_topics(self):
        found = coinciding_topics(self.components_, _COINCIDE)
        pairs = [f"{k} and {other}" for k, other in found]
        if pairs:
            advice = "choose a smaller n_components"
            if self.init == "random":
                advice += ", train longer, or begin with init='nmf'"
            warn_user(
                f"Topics {', '.join(pairs[:3])}{' and others' * (len(pairs) > 3)} "
                f"coincide: {advice}.",
                UserWarning,
            )
