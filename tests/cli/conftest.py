"""Small texts of three subjects, and configurations about them."""

import json

import numpy as np
import pytest
import yaml

_SUBJECTS = (
    "orbit moon rocket launch planet star comet telescope".split(),
    "bread butter flour oven sugar yeast cake pastry".split(),
    "violin sonata chord melody tempo flute opera cello".split(),
)


@pytest.fixture(scope="session")
def texts():
    """120 documents of 12 words of a subject and 4 of any."""
    rng = np.random.default_rng(0)
    every = sum(_SUBJECTS, [])
    return [
        " ".join([*rng.choice(_SUBJECTS[i % 3], 12), *rng.choice(every, 4)])
        for i in range(120)
    ]


@pytest.fixture
def folder(tmp_path, texts, monkeypatch):
    """A working folder with the texts as texts.jsonl."""
    monkeypatch.chdir(tmp_path)
    lines = (json.dumps({"id": i, "text": text}) for i, text in enumerate(texts))
    (tmp_path / "texts.jsonl").write_text("\n".join(lines) + "\n")
    return tmp_path


@pytest.fixture
def config(folder):
    """Writes config.yaml, a good one but for the sections given; None leaves one out.

    A key may be the path of one: {"estimator.params.n_components": 2}.
    """

    def write(changes=(), name="config.yaml"):
        content = {
            "seed": 1,
            "data": {
                "path": "texts.jsonl",
                "split": {"train": 0.7, "valid": 0.1, "test": 0.2},
            },
            "vectorizer": {"name": "CountVectorizer", "params": {}},
            "estimator": {"name": "TorchPoissonNMF", "params": {"n_components": 3}},
            "output": {"folder": "run"},
        }
        for path, value in dict(changes).items():
            section, (*above, last) = content, path.split(".")
            for key in above:
                section = section[key]
            section[last] = value
        content = {key: value for key, value in content.items() if value is not None}
        (folder / name).write_text(yaml.safe_dump(content))
        return name

    return write
