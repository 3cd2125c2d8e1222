"""nn.ETM: the reference's figures, both containers, its parts against formulas."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.distributions import MultivariateNormal, kl_divergence

from sklearn_topics.nn import ETM
from sklearn_topics.nn._etm import as_counts

#: Name in the reference's file -> name here; its first layer is transposed.
REFERENCE = {
    "0.weight": "encoder.first_weight",
    "0.bias": "encoder.first_bias",
    "2.weight": "encoder.hidden.0.weight",
    "2.bias": "encoder.hidden.0.bias",
    "mu_q_theta.weight": "encoder.mean.weight",
    "mu_q_theta.bias": "encoder.mean.bias",
    "logsigma_q_theta.weight": "encoder.log_variance.weight",
    "logsigma_q_theta.bias": "encoder.log_variance.bias",
    "rho": "embeddings",
    "alphas": "topic_embeddings",
}


def reference(which):
    path = Path(os.environ["SKLEARN_TOPICS_DATA"]) / "etm_20ng" / f"params_{which}.npz"
    values = {}
    with np.load(path) as file:
        for theirs, ours in REFERENCE.items():
            value = torch.from_numpy(file[theirs].astype(np.float32))
            values[ours] = value.T.contiguous() if theirs == "0.weight" else value
    return values


def two_epochs(model, X):
    """As the reference trains: batches in order; means of the batches' losses."""
    generator = torch.Generator().manual_seed(2019)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005, weight_decay=1.2e-6)
    means = []
    for _ in range(2):
        losses = []
        for start in range(0, X.shape[0], 1000):
            batch = torch.from_numpy(X[start : start + 1000].toarray())
            bound = model(batch.to_sparse_csr(), generator)
            loss = (bound.kl - bound.log_likelihood).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        means.append(np.mean(losses))
    return means


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta")
def test_golden_training_of_the_original(corpus):
    """The recorded losses are without, the parameters with its 1e-6 in training."""
    X = corpus("etm_20ng").astype(np.float32)
    options = {"embedding_dim": 3, "hidden_layer_sizes": (5, 5)}
    model = ETM(3072, 4, **options)
    model.load_state_dict(reference("init"))
    np.testing.assert_allclose(two_epochs(model, X), [653.888, 651.814], atol=5e-4)
    model = ETM(3072, 4, background=1e-6, **options)
    model.load_state_dict(reference("init"))
    two_epochs(model, X)
    for name, end in reference("end").items():
        found = model.state_dict()[name]
        np.testing.assert_allclose(found, end, atol=1e-4, err_msg=name)


@pytest.fixture
def counts():
    rng = np.random.default_rng(0)
    X = rng.poisson(1.0, (7, 9)).astype(np.float64)
    X[3] = 0
    return torch.from_numpy(X)


def model(**options):
    sizes = {"embedding_dim": 4, "hidden_layer_sizes": (6, 5)}
    generator = torch.Generator().manual_seed(0)
    options = {"dtype": torch.float64, **sizes, **options}
    return ETM(9, 3, generator=generator, **options)


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta")
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"batch_norm": True},
        {"background": 0.1},
        {"dropout": 0.4, "activation": "tanh"},
        {"token_dropout": 0.6},
        {"token_dropout": 0.3, "dropout": 0.2, "batch_norm": True},
    ],
)
def test_sparse_equals_dense(counts, options):
    """What is drawn depends on the data alone, not on zeros that a container stores."""
    zeros = (counts + 1).to_sparse_csr()
    zeros.values().sub_(1)
    gradients = []
    for X in (counts, counts.to_sparse_csr(), zeros, counts.T.contiguous().T):
        etm = model(**options)
        bound = etm(X, torch.Generator().manual_seed(1))
        (bound.kl - bound.log_likelihood).sum().backward()
        gradients.append([p.grad for p in etm.parameters()])
    assert len(gradients[0]) == len(list(etm.parameters()))
    for other in gradients[1:]:
        torch.testing.assert_close(gradients[0], other, rtol=1e-10, atol=1e-12)


def test_bound_by_its_formula(counts):
    etm = model(prior_scale=1.7).eval()
    mean, log_variance = etm.encoder(counts)
    bound = etm(counts)
    log_p = torch.log(torch.softmax(mean, 1) @ etm.topics())
    torch.testing.assert_close(bound.log_likelihood, (counts * log_p).sum(1))
    posterior = MultivariateNormal(mean, torch.diag_embed(log_variance.exp()))
    prior = MultivariateNormal(torch.zeros(3).double(), 1.7**2 * torch.eye(3).double())
    torch.testing.assert_close(bound.kl, kl_divergence(posterior, prior))


def test_encoder_is_a_perceptron_on_shares(counts):
    etm = model().eval()
    encoder = etm.encoder
    total = counts.sum(1, keepdim=True)
    h = counts / total.where(total > 0, 1)
    h = torch.relu(h @ encoder.first_weight + encoder.first_bias)
    h = torch.relu(h @ encoder.hidden[0].weight.T + encoder.hidden[0].bias)
    expected = h @ encoder.mean.weight.T + encoder.mean.bias
    torch.testing.assert_close(encoder(counts)[0], expected)
    torch.testing.assert_close(etm.proportions(counts), torch.softmax(expected, 1))


def test_batch_norm_is_that_of_torch(counts):
    encoder = model(hidden_layer_sizes=(6,), batch_norm=True).encoder
    norm = torch.nn.BatchNorm1d(6, dtype=torch.float64)
    total = counts.sum(1, keepdim=True)
    h = (counts / total.where(total > 0, 1)) @ encoder.first_weight + encoder.first_bias
    h = torch.relu(norm(h))
    found = encoder(counts)[1]
    torch.testing.assert_close(found, encoder.log_variance(h))
    torch.testing.assert_close(encoder.norms[0].running_var, norm.running_var)


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta")
@pytest.mark.parametrize("size", [2, 3, 7])
@pytest.mark.parametrize("container", [torch.clone, torch.Tensor.to_sparse_csr])
def test_statistics_are_those_of_all_documents(counts, size, container):
    """In evaluation each unit then has mean 0 and variance 1, whatever the batches."""
    encoder = model(batch_norm=True, dropout=0.5).encoder
    encoder.norms[0].eps = encoder.norms[1].eps = 1e-12
    batches = [as_counts(container(rows)) for rows in counts.split(size)]
    encoder.set_statistics(lambda: batches)
    seen = []
    for norm in encoder.norms:
        norm.register_forward_hook(lambda _, inputs, output: seen.append(output))
    encoder.eval()(counts)
    assert len(seen) == 2
    for h in seen:
        torch.testing.assert_close(h.mean(0), torch.zeros_like(h[0]))
        torch.testing.assert_close(h.var(0, correction=0), torch.ones_like(h[0]))


def test_one_document_can_be_trained_on_with_batch_norm(counts):
    etm = model(batch_norm=True)
    bound = etm(counts[:1])
    bound.kl.sum().backward()
    assert bool(etm.encoder.first_weight.grad.isfinite().all())


def test_dropout_keeps_the_mean():
    X = torch.ones(20_000, 9, dtype=torch.float64)
    etm = model(hidden_layer_sizes=(6,), dropout=0.5)
    dropped = etm.encoder(X, torch.Generator().manual_seed(0))[0]
    whole = etm.eval().encoder(X)[0]
    assert dropped.std(0).min() > 1e-3
    torch.testing.assert_close(dropped.mean(0), whole[0], atol=1e-3, rtol=0)


def test_token_dropout_hides_terms_from_the_encoder_alone(counts):
    etm = model(token_dropout=0.5)
    generator = torch.Generator().manual_seed(0)
    mean, _ = etm.encoder(counts, generator)
    generator.manual_seed(0)
    shown = counts.clone()
    present = shown > 0  # one draw for each, row by row
    shown[present] *= torch.rand(int(present.sum()), generator=generator) >= 0.5
    expected, _ = etm.eval().encoder(shown)
    torch.testing.assert_close(mean, expected)
    with torch.no_grad():
        bound = etm.train()(torch.full((500, 9), 2.0).double(), generator)
    # Of all 18 tokens, each of probability about 1 / 9.
    mean = float(bound.log_likelihood.mean())
    assert mean == pytest.approx(18 * np.log(1 / 9), rel=0.02)


def test_generator_leaves_the_global_one_alone(counts):
    before = torch.get_rng_state()
    first, second = (
        model(dropout=0.5)(counts, torch.Generator().manual_seed(3)) for _ in range(2)
    )
    assert torch.equal(first.log_likelihood, second.log_likelihood)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta")
@pytest.mark.parametrize("dtype", [torch.float32, torch.int64])
def test_counts_of_any_dtype(counts, dtype):
    etm = model().eval()
    expected = etm(counts)
    for X in (counts.to(dtype), counts.to(dtype).to_sparse_csr()):
        torch.testing.assert_close(etm(X), expected)


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta")
@pytest.mark.parametrize("width", [8, 10])
def test_other_widths_are_refused(width):
    for X in (torch.ones(2, width), torch.ones(2, width).to_sparse_csr()):
        with pytest.raises(ValueError, match=f"{width} columns, but the model has 9"):
            model()(X)
        with pytest.raises(ValueError, match="9 terms"):
            model().proportions(X)


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta")
def test_what_has_lost_all_probability_can_come_back():
    """No gradient is lost or undefined where a term has no probability at all."""
    etm = ETM(3, 2, embedding_dim=2, hidden_layer_sizes=(4,))
    with torch.no_grad():
        etm.embeddings.copy_(torch.tensor([[0.0, 0], [0, 0], [-1e4, -1e4]]))
        etm.topic_embeddings.fill_(1.0)
    X = torch.tensor([[1.0, 2, 10**9]])
    for counts in (X, X.to_sparse_csr()):
        etm.zero_grad()
        (-etm(counts).log_likelihood.sum()).backward()
        assert bool(etm.embeddings.grad.isfinite().all())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_seed_is_the_same_in_every_dtype(dtype):
    first = model().embeddings.detach()
    second = model(dtype=dtype).embeddings.detach()
    torch.testing.assert_close(second.double(), first)


def test_only_dense_and_csr():
    with pytest.raises(TypeError, match="to_sparse_csr"):
        model()(torch.ones(2, 9).to_sparse_coo())
