"""Checkpoints in a process group: each rank saves the state of its own documents."""

import os
from pathlib import Path

from .._boundary.shards import checked_together, exchanged
from .._kernels.ranks import all_any, current, is_first, of_all
from .checkpoint import Checkpoint
from .run import Run


class SharedCheckpoint(Checkpoint):
    """The checkpoint of one rank: a file, and the one before.

    All ranks write before the same iterations. A rank may be killed while others have
    written; so each keeps the file before until all have the new one, which the message
    about the next one tells. A fit is resumed from the last iteration that all have.

    Parameters
    ----------
    path : str or path-like
        The same on all ranks; the number of the rank is added.
    estimator : estimator
    """

    def __init__(self, path, estimator):
        super().__init__(path, estimator)
        self._given = self.path
        self.path = self._given.with_name(f"{self._given.name}.rank{current().rank}")
        self._before = self.path.with_name(f"{self.path.name}.before")

    def resume(self, run: Run) -> None:
        """Restore the run from the last iteration of which all ranks have a file."""
        found = {}
        with checked_together():
            self.identify({"X": run.X, **run.data}, **_place(current()))
            for path in filter(Path.exists, (self._before, self.path)):
                content = self.load(path, run.X.device)
                found[content["start"], content["outcome"]["n_iter"]] = content
        places = [
            {tuple(place) for place in one["places"]}
            for one in exchanged({"places": [*found]})
        ]
        common = set.intersection(*places)
        if common:
            run.restore(found[max(common)])
        elif any(places):
            without = [r for r, some in enumerate(places) if not some]
            which = f" (rank {without[0]} has none)" if without else ""
            raise of_all(
                ValueError(
                    f"checkpoint={str(self._given)!r}: the files of the ranks are not "
                    f"of the same fit{which}. Delete them to begin again."
                )
            )

    def is_due(self) -> bool:
        """By the clock of rank 0; when all know it, all have written the last file."""
        return all_any(is_first() and super().is_due())

    def replace(self, part: Path) -> None:
        if self.path.exists():
            os.replace(self.path, self._before)
        super().replace(part)

    def remove(self) -> None:
        super().remove()
        self._before.unlink(missing_ok=True)


def _place(group) -> dict[str, str]:
    return {"the process": f"rank {group.rank} of {group.size}"}
