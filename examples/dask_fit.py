"""Fit a topic model to a dask array, on the workers of a cluster.

The cluster here has two processes of this machine: python examples/dask_fit.py
"""

import dask.array as da
from dask.distributed import Client, LocalCluster
from joblib import parallel_config
from sklearn.model_selection import GridSearchCV

from sklearn_topics import TorchPoissonNMF, inspection
from sklearn_topics.datasets import make_topic_corpus
from sklearn_topics.distributed import fit_dask


def main(client):
    # In place of your corpus: for example anndata.experimental.read_elem_lazy.
    X, _, _ = make_topic_corpus(2000, 100, 4, random_state=0)
    blocks = [X[start : start + 300] for start in range(0, 2000, 300)]
    chunks = [da.from_array(block, chunks=block.shape) for block in blocks]
    counts = da.concatenate(chunks)

    model = fit_dask(TorchPoissonNMF(4, random_state=0), counts, client)
    print(f"{model.n_samples_} documents, {model.n_iter_} iterations")
    terms = [f"term{j}" for j in range(X.shape[1])]
    for topic in inspection.top_terms(model, terms, n_terms=5):
        print(*(term for term, probability in topic))

    # Proportions, chunk by chunk, where the documents are.
    theta = counts.map_blocks(
        model.transform, dtype=float, chunks=(counts.chunks[0], (4,))
    )
    print("shares of the topics:", theta.mean(axis=0).compute().round(2))

    # Many fits to data in memory: joblib sends whole fits to the workers.
    search = GridSearchCV(TorchPoissonNMF(random_state=0), {"n_components": [2, 4]})
    with parallel_config("dask", n_jobs=2):
        search.fit(X[:500])
    print("best of two numbers of topics:", search.best_params_["n_components"])


if __name__ == "__main__":
    with LocalCluster(2, threads_per_worker=1, dashboard_address=None) as cluster:
        with Client(cluster) as client:
            main(client)
