"""Draw the figure of the landing page: ``python docs/landing_picture.py``."""

from pathlib import Path

import matplotlib
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer
from sklearn.pipeline import make_pipeline

from sklearn_topics import TorchPoissonNMF
from sklearn_topics.datasets import API_STOP_WORDS, load_docstrings
from sklearn_topics.plot import StructureDisplay, TopTermsDisplay

matplotlib.use("agg")
import matplotlib.pyplot as plt

docs = load_docstrings()
stop_words = sorted(ENGLISH_STOP_WORDS | API_STOP_WORDS)
pipeline = make_pipeline(
    CountVectorizer(stop_words=stop_words, token_pattern="[a-z]{3,}", min_df=5),
    TorchPoissonNMF(n_components=10, random_state=0),
).fit(docs.data)

figure, (top, bottom) = plt.subplots(
    2, 1, figsize=(12, 8), height_ratios=(1, 1.7), layout="constrained"
)
packages = [docs.target_names[k].split(".")[0] for k in docs.target]
structure = StructureDisplay.from_estimator(
    pipeline, docs.data, groups=packages, ax=top
)
structure.ax_.set_title("Topic proportions of 2000 docstrings, one column each")
TopTermsDisplay.from_estimator(pipeline, ax=bottom)
figure.savefig(Path(__file__).parent / "_static" / "landing.png", dpi=90)
