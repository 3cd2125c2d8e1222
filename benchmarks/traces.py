"""The figure of the record that ``benchmarks/peers.py`` writes."""


def plot(record, path):
    """Draw the gap of each program to the best log-likelihood over seconds of fit."""
    import matplotlib.pyplot as plt

    traces = {}
    for program, _, seconds, value in record["rows"]:
        traces.setdefault(program, []).append((seconds, value))
    values = [value for points in traces.values() for _, value in points]
    best = max(values)
    least = 1e-4 * (best - min(values))  # the best of all has no gap
    figure, ax = plt.subplots(figsize=(9, 5.5), layout="constrained")
    for n, (name, points) in enumerate(traces.items()):
        seconds, found = zip(*points, strict=True)
        gaps = [max(best - value, least) for value in found]
        ours = name.startswith("Torch")
        style = {"lw": 2.5 if ours else 1.2, "marker": "os^Dv<>Pp*X"[n % 11]}
        ax.plot(seconds, gaps, label=name, ms=5, ls="-" if ours else "--", **style)
    ax.set(xscale="log", yscale="log", xlabel="Seconds of a fit")
    ax.set_ylabel("Log-likelihood below the best of all")
    ax.grid(alpha=0.3)
    ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    figure.savefig(path, dpi=130)
    plt.close(figure)
