"""Topics of an AnnData object of single cells, read by scanpy.

    python benchmarks/single_cell.py DATA --scanpy-python OTHER/bin/python --folder OUT

OTHER is an environment with scanpy (``pip install scanpy igraph``), which may be this
one. The script fits pbmc_facs, prints the markers of each topic and the seconds of CPU
time of each step, and writes plots and ``cells.h5ad`` to OUT. scanpy reads
the file, clusters the cells by their topics, ranks genes, plots, and writes it again.
"""

import argparse
import subprocess
import time
from pathlib import Path

import anndata
import pandas as pd
import scipy.sparse as sp

from sklearn_topics import TorchPoissonNMF, plot
from sklearn_topics.inspection import differential_terms
from sklearn_topics.single_cell import fit_topics

#: Runs in the other environment, in the folder with the file.
PEER = """
import anndata, numpy as np, pandas as pd, scanpy as sc
from sklearn.metrics import normalized_mutual_info_score
adata = sc.read_h5ad("cells.h5ad")
print(adata)
print("uns:", adata.uns["topics"])
sc.pp.neighbors(adata, use_rep="X_topics")
sc.tl.leiden(adata, flavor="igraph", n_iterations=2, random_state=0)
nmi = normalized_mutual_info_score(adata.obs["cell_type"], adata.obs["leiden"])
print(f"leiden on X_topics: {adata.obs['leiden'].nunique()} clusters, NMI with the")
print(f"cell types {nmi:.3f}")
topics = adata.obsm["X_topics"]
for k in range(topics.shape[1]):
    adata.obs[f"topic {k}"] = topics[:, k]
sc.tl.umap(adata, maxiter=100)
colors = ["cell_type", "leiden", *(f"topic {k}" for k in range(topics.shape[1]))]
sc.pl.umap(adata, color=colors, ncols=4, show=False, save="_topics.png")
options = {"components": ["1,2", "2,3"], "color": "cell_type", "show": False}
sc.pl.embedding(adata, basis="X_topics", save="_pairs.png", **options)
sc.pp.normalize_total(adata)
sc.pp.log1p(adata)
adata.obs["strongest"] = pd.Categorical(topics.argmax(axis=1).astype(str))
sc.tl.rank_genes_groups(adata, "strongest", method="t-test", n_genes=6)
print(pd.DataFrame(adata.uns["rank_genes_groups"]["names"]).to_string())
sc.pl.rank_genes_groups_dotplot(adata, n_genes=3, show=False, save="ranked.png")
with anndata.settings.override(allow_write_nullable_strings=True):  # for pandas 3
    adata.write_h5ad("again.h5ad")
again = sc.read_h5ad("again.h5ad")
assert np.array_equal(again.obsm["X_topics"], topics)
assert np.array_equal(again.varm["topics"], adata.varm["topics"])
some = adata[adata.obs["cell_type"] == "T cell"].copy()
both = anndata.concat([some, adata[:10]], merge="same")
assert both.obsm["X_topics"].shape == (len(some) + 10, topics.shape[1])
assert both.varm["topics"].shape == adata.varm["topics"].shape
print("read, clustered, ranked, plotted, written, subset and concatenated by scanpy")
"""


def read(folder):
    """Raw counts with the types of the cells."""
    X = sp.csr_matrix(sp.load_npz(folder / "counts.npz")).astype("float32")
    types = (folder / "labels.txt").read_text().splitlines()
    genes = (folder / "vocab.txt").read_text().splitlines()
    cells = [f"cell{i}" for i in range(X.shape[0])]
    obs = pd.DataFrame({"cell_type": pd.Categorical(types)}, index=cells)
    adata = anndata.AnnData(X, obs=obs, var=pd.DataFrame(index=genes))
    adata.var_names_make_unique()
    return adata


def save_plots(model, adata, folder):
    """All displays for single cells, with topics named by their markers."""
    X, genes = adata.X, adata.var_names
    options = {"theta": adata.obsm["X_topics"], "feature_names": genes}
    named = {"by": "differential", **options}
    types = adata.obs["cell_type"]
    displays = {
        "volcano": plot.VolcanoDisplay.from_estimator(model, X, **options),
        "dots": plot.TermDotsDisplay.from_estimator(model, X=X, **named),
        "structure": plot.StructureDisplay.from_estimator(
            model, X, groups=types, **named
        ),
        "groups": plot.TopicGroupsDisplay.from_estimator(model, X, types, **named),
        "map": plot.TopicMapDisplay.from_estimator(model, X, **named),
    }
    for name, display in displays.items():
        display.figure_.savefig(folder / f"{name}.png", dpi=100)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--scanpy-python", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("-k", type=int, default=6)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    began = time.process_time()

    def told(step):
        print(f"{time.process_time() - began:6.1f} s  {step}", flush=True)

    adata = read(given.data / "pbmc_facs")
    told(f"read {adata.shape[0]} x {adata.shape[1]}")
    model = fit_topics(TorchPoissonNMF(given.k, random_state=0), adata)
    told(f"fitted, {model.n_iter_} iterations")
    theta, genes = adata.obsm["X_topics"], adata.var_names
    options = {"theta": theta, "feature_names": genes, "n_terms": 6}
    markers = differential_terms(model, adata.X, **options)
    told("markers")
    print(markers.groupby("Topic")["Term"].agg(" ".join).to_string())
    save_plots(model, adata, given.folder)
    told("plots")
    with anndata.settings.override(allow_write_nullable_strings=True):  # for pandas 3
        adata.write_h5ad(given.folder / "cells.h5ad")
    told("written")
    command = [given.scanpy_python, "-W", "ignore", "-c", PEER]
    subprocess.run(command, cwd=given.folder, check=True)


if __name__ == "__main__":
    main()
