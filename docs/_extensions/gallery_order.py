"""The order of the examples: first steps, tasks on real text, models, parameters."""

from pathlib import Path

FIRST = (
    "plot_quickstart.py",
    "plot_news.py",
    "plot_new_documents.py",
    "plot_visualise_topics.py",
    "plot_choose_k.py",
    "plot_compare_models.py",
    "plot_pipeline_grid_search.py",
    "plot_labels.py",
    "plot_seeded_topics.py",
    "plot_lsa_search.py",
    "plot_callbacks.py",
)
LAST = (
    "plot_lda.py",
    "plot_etm.py",
    "plot_nmf_and_svd.py",
    "plot_tinytopics.py",
    "plot_poisson_nmf_parameters.py",
    "plot_etm_parameters.py",
    "plot_beta_nmf_parameters.py",
    "plot_truncated_svd_parameters.py",
    "plot_custom_loop.py",
    "plot_compose_modules.py",
)


def position(name: str) -> tuple[int, str]:
    """The key that sorts the files; one that has no place yet comes after the tasks."""
    name = Path(name).name
    if name in FIRST:
        return FIRST.index(name), name
    if name in LAST:
        return len(FIRST) + 1 + LAST.index(name), name
    return len(FIRST), name
