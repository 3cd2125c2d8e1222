"""
Callbacks: early stopping, logging and TensorBoard
==================================================

This example monitors the training of a :class:`~sklearn_topics.TorchETM` with three
callbacks: one stops training when the held-out score no longer improves, one logs the
losses to a JSON Lines file, and one writes a TensorBoard log. Callbacks need
scikit-learn 1.9 or later.
"""

# %%
# Fit with callbacks
# ------------------
# :class:`~sklearn_topics.callbacks.EarlyStopping` receives the held-out documents as
# counts, the input of the model. It comes first in the list, so that the loggers also
# log its scores. torch's ``StepLR`` halves the learning rate every fourth epoch.
# ``token_dropout=0`` makes the encoder overfit, so that early stopping has an effect.

import json
import tempfile
from pathlib import Path

from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer

from sklearn_topics import TorchETM
from sklearn_topics.callbacks import EarlyStopping, HistoryLogger, TensorBoardLogger
from sklearn_topics.datasets import API_STOP_WORDS, load_docstrings

docs = load_docstrings()
stop_words = sorted(ENGLISH_STOP_WORDS | API_STOP_WORDS)
vectorizer = CountVectorizer(stop_words=stop_words, token_pattern="[a-z]{3,}", min_df=5)
X = vectorizer.fit_transform(docs.data)
terms = vectorizer.get_feature_names_out()
X_valid, X_train = X[::10], X[[i for i in range(X.shape[0]) if i % 10]]

folder = Path(tempfile.mkdtemp())
model = TorchETM(
    n_components=12,
    embedding_dim=50,
    hidden_layer_sizes=(50,),
    token_dropout=0.0,
    max_iter=60,
    learning_rate=0.05,
    learning_rate_schedule="StepLR",
    schedule_params={"step_size": 4, "gamma": 0.5},
    random_state=0,
)
model.set_callbacks(
    EarlyStopping(X_valid, patience=3),
    HistoryLogger(folder / "log.jsonl"),
    TensorBoardLogger(folder / "runs", feature_names=terms),
)
model.fit(X_train)
print(f"Stopped after {model.n_iter_} of at most {model.max_iter} epochs")

# %%
# Read the log
# ------------
# The file contains one JSON object per epoch. Each line is written before the next
# epoch starts.

rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
print(json.dumps(rows[-1], indent=1))

# %%
# Read the TensorBoard log
# ------------------------
# ``tensorboard --logdir runs`` shows the log in a browser during the fit. This code
# reads the learning rate and the topics from the log.

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

(run,) = (folder / "runs").iterdir()
events = EventAccumulator(str(run)).Reload()
rates = events.Scalars("learning_rate")
table = events.Tensors("topics/text_summary")[-1].tensor_proto.string_val[0]
print(table.decode())

# %%
# Plot the training
# -----------------
# The training loss keeps decreasing, but the held-out score stops improving. The fitted
# model is the model of the epoch with the best held-out score.

import matplotlib.pyplot as plt

epochs = [row["iteration"] for row in rows]
loss = [-row["elbo"] for row in rows]
score = [row["validation_score"] for row in rows]
best = epochs[score.index(max(score))]

fig, axes = plt.subplots(1, 3, figsize=(10, 3.2), layout="constrained")
axes[0].plot(epochs, loss)
axes[0].set(title="Training loss", ylabel="nats per document")
axes[1].plot(epochs, score, color="C1")
axes[1].axvline(best, color="0.6", linestyle=":")
axes[1].set(title=f"Held-out score, best in epoch {best}", ylabel="nats per token")
axes[2].step([e.step for e in rates], [e.value for e in rates], color="C2", where="mid")
axes[2].set(title="Learning rate", ylim=(0, None))
for ax in axes:
    ax.set_xlabel("epoch")
plt.show()
