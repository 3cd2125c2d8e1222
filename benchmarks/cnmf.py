"""Consensus of 20 fits beside cNMF, on single cells of known types.

    python benchmarks/cnmf.py DATA --cnmf-python OTHER/bin/python [-k 5 10 15]

OTHER is an environment with cnmf (``pip install cnmf``). Both get the same genes: the
2000 that cNMF chooses. Prints seconds of CPU time from counts to consensus, which other
work on the machine disturbs least, and how well the dominant programs agree with the
cell types (normalised mutual information, and purity).
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from sklearn.metrics import normalized_mutual_info_score

from sklearn_topics import ConsensusTopics, TorchPoissonNMF
from sklearn_topics.metrics import purity

#: Runs in the other environment; prints a line of JSON.
PEER = """
import json, sys, time
import anndata, numpy as np, pandas as pd, scipy.sparse as sp
from cnmf import cNMF
counts, folder, K, n_fits, loss = sys.argv[1:]
K, n_fits = int(K), int(n_fits)
X = sp.load_npz(counts).tocsr().astype(float)
names = pd.DataFrame(index=[f"c{i}" for i in range(X.shape[0])])
genes = pd.DataFrame(index=[f"g{j}" for j in range(X.shape[1])])
anndata.AnnData(X, obs=names, var=genes).write_h5ad(folder + "/counts.h5ad")
job = cNMF(output_dir=folder, name="run")
job.prepare(folder + "/counts.h5ad", components=[K], n_iter=n_fits, seed=0,
            beta_loss=loss, num_highvar_genes=2000)
began = time.process_time()
job.factorize(worker_i=0, total_workers=1)
job.combine()
job.consensus(k=K, density_threshold=0.5, show_clustering=False)
seconds = time.process_time() - began
usage, *_ = job.load_results(K=K, density_threshold=0.5, norm_usage=False)
chosen = open(job.paths["nmf_genes_list"]).read().split()
print(json.dumps({
    "seconds": seconds,
    "strongest": np.asarray(usage).argmax(1).tolist(),
    "genes": sorted(int(gene[1:]) for gene in chosen),
}))
"""


def peer(python, counts, K, n_fits, loss):
    with tempfile.TemporaryDirectory() as folder:
        command = [python, "-c", PEER, counts, folder, str(K), str(n_fits), loss]
        run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode:
        sys.exit(run.stderr)
    return json.loads(run.stdout.splitlines()[-1])


def show(name, K, seconds, labels, strongest):
    # Purity needs proportions; those of one program are 1.
    theta = np.eye(K)[strongest]
    nmi = normalized_mutual_info_score(labels, strongest)
    found = f"{seconds:8.1f} {nmi:6.3f} {purity(labels, theta):7.3f}"
    print(f"{K:3d} {name:28s} {found}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cnmf-python", required=True)
    parser.add_argument("-k", type=int, nargs="+", default=[5, 10, 15])
    parser.add_argument("--n-fits", type=int, default=20)
    arguments = parser.parse_args()
    folder = arguments.folder / "pbmc_facs"
    counts, n_fits = str(folder / "counts.npz"), arguments.n_fits
    X = sp.load_npz(counts).tocsr()
    labels = (folder / "labels.txt").read_text().split("\n")[: X.shape[0]]
    ConsensusTopics(TorchPoissonNMF(2), n_fits=2, random_state=0).fit(X[:100])
    print("  K                               seconds    NMI  purity")
    for K in arguments.k:
        for loss in ("frobenius", "kullback-leibler"):
            found = peer(arguments.cnmf_python, counts, K, n_fits, loss)
            peers = found["seconds"], labels, np.array(found["strongest"])
            show(f"cNMF {loss}", K, *peers)
        chosen = X[:, found["genes"]]
        for name, options in {
            "ours": {},
            "ours, maximum likelihood": {
                "doc_topic_pseudocount": 0,
                "topic_word_pseudocount": 0,
            },
        }.items():
            model = TorchPoissonNMF(K, **options)
            began = time.process_time()
            model = ConsensusTopics(model, n_fits, random_state=0).fit(chosen)
            seconds = time.process_time() - began
            show(name, K, seconds, labels, model.transform(chosen).argmax(1))


if __name__ == "__main__":
    main()
