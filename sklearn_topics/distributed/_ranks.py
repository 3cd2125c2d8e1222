"""The messages of a process group, by torch.distributed.

A rank that fails says so in the group's store, a small dictionary that all ranks can
reach. Ranks that wait for a message look there every second, so that they end with the
reason. A rank that was killed says nothing: its connections break, the others report in
the store, and who does not is missing.
"""

import time
from collections import defaultdict
from datetime import timedelta
from itertools import count

import torch
import torch.distributed as dist
from torch import Tensor

#: Seconds between two looks at the store, and for the others to report in it.
_POLL, _PATIENCE = 1.0, 10.0

#: The number of the next context, by the ranks of the group, which all count alike.
_NUMBERS = defaultdict(count)


class RankFailed(RuntimeError):
    """Another rank of the process group has failed."""


class TorchRanks:
    """A group of torch.distributed as `_kernels.ranks.Ranks`.

    Attributes
    ----------
    messages, sent_bytes : int
        Number of messages, and bytes of this rank in them.
    """

    def __init__(self, group: dist.ProcessGroup):
        self._group = group
        self.rank, self.size = dist.get_rank(group), dist.get_world_size(group)
        self._members = dist.get_process_group_ranks(group)
        self.messages = self.sent_bytes = 0
        self.common_error = self._failure = None
        members = ",".join(map(str, self._members))
        self._store = dist.PrefixStore(
            f"sklearn_topics {members} {next(_NUMBERS[members])}",
            dist.distributed_c10d._get_default_store(),
        )

    def sum(self, A: Tensor) -> Tensor:
        return self._reduced(A, dist.ReduceOp.SUM)

    def max(self, A: Tensor) -> Tensor:
        # The maximum of NaN is not defined: it counts as infinite meanwhile.
        unknown = A.isnan()
        out = self._reduced(A.masked_fill(unknown, torch.inf), dist.ReduceOp.MAX)
        unknown = self._reduced(unknown.to(A.dtype), dist.ReduceOp.MAX)
        return out.masked_fill_(unknown > 0, torch.nan)

    def _reduced(self, A: Tensor, op) -> Tensor:
        out = A.clone(memory_format=torch.contiguous_format)
        self._send(dist.all_reduce, out, op=op)
        return out

    def broadcast(self, A: Tensor, source: int) -> Tensor:
        out = A.clone(memory_format=torch.contiguous_format)
        self._send(dist.broadcast, out, src=self._members[source])
        return out

    def gather(self, A: Tensor) -> list[Tensor]:
        lengths = torch.zeros(self.size, dtype=torch.int64, device="cpu")
        lengths[self.rank] = len(A)
        lengths = self.sum(lengths).tolist()
        padded = A.new_zeros(max(lengths), *A.shape[1:])
        padded[: len(A)] = A
        parts = [torch.empty_like(padded) for _ in lengths]
        self._send(dist.all_gather, parts, padded)
        return [part[:n] for part, n in zip(parts, lengths, strict=True)]

    def exchange(self, text: str) -> list[str]:
        encoded = torch.frombuffer(bytearray(text.encode()), dtype=torch.uint8)
        return [bytes(part.tolist()).decode() for part in self.gather(encoded)]

    def part(self) -> None:
        """Wait until all ranks have ended: until then they may look at the store."""
        self.sum(torch.zeros(1, device="cpu"))

    def report(self, error: BaseException) -> None:
        if not isinstance(error, RankFailed):
            text = str(error).rstrip(".")
            self._publish(f"rank {self.rank}: {type(error).__name__}: {text}")

    def _send(self, operation, *args, **options) -> None:
        """Take part in a message, and wait for it."""
        if self._failure is not None:
            raise RankFailed(_explained(self._failure))
        self.messages += 1
        sent = args[-1]
        self.sent_bytes += sent.numel() * sent.element_size()
        try:
            work = operation(*args, group=self._group, async_op=True, **options)
        except RuntimeError as error:
            raise self._lost(error) from error
        if sent.device.type != "cpu" and dist.get_backend(self._group) != "gloo":
            work.wait()  # for the stream: the host goes on
            return
        while True:
            try:
                work.wait(timedelta(seconds=_POLL))
                return
            except RuntimeError as error:
                if not work.is_completed():
                    self._look()
                elif not _succeeded(work):  # or it came just after the time was over
                    raise self._lost(error) from error
                else:
                    return

    def _look(self) -> None:
        """Raise an error if a rank has failed; answer if ranks ask who is there."""
        try:
            if self._store.check(["failure"]):
                self._failure = self._store.get("failure").decode()
            elif self._store.check(["trouble"]):
                self._store.set(f"here {self.rank}", "yes")
        except RuntimeError as error:
            raise self._lost(error) from error
        if self._failure is not None:
            raise RankFailed(_explained(self._failure))

    def _lost(self, error: RuntimeError) -> RankFailed:
        """The error to raise when a connection has broken."""
        try:
            missing = self._missing()
        except RankFailed as known:
            return known
        except RuntimeError:  # the store is gone
            missing = [0] if 0 in self._members else []
        what = f"a message was lost: {str(error).splitlines()[0]}"
        if missing:
            which = "rank" if len(missing) == 1 else "ranks"
            what = f"{which} {', '.join(map(str, missing))} ended, or did not answer"
        self._publish(what)
        return RankFailed(_explained(self._failure))

    def _missing(self) -> list[int]:
        """The ranks that do not say that they are here."""
        self._store.set("trouble", "yes")
        self._store.set(f"here {self.rank}", "yes")
        missing, end = range(self.size), time.monotonic() + _PATIENCE
        while missing and time.monotonic() < end:
            time.sleep(_POLL / 10)
            self._look()
            missing = [r for r in missing if not self._store.check([f"here {r}"])]
        return list(missing)

    def _publish(self, failure: str) -> None:
        """Store a failure, for all who look, unless there is one."""
        self._failure = failure
        try:
            self._store.compare_set("failure", "", failure)
        except RuntimeError:
            return  # the store is gone, and its rank is what the others will name


def _succeeded(work) -> bool:
    """Whether a message that is over has arrived."""
    try:
        work.wait()
    except RuntimeError:
        return False
    return True


def _explained(failure: str) -> str:
    return (
        "A rank of the process group has failed, so all ranks stop: "
        f"{failure}. Correct the cause, and start all processes again."
    )
