"""The messages of a process group, by torch.distributed.

A rank that fails says so in the group's store, a small dictionary that all ranks can
reach. Ranks that wait for a message look there every second, so that they end with the
reason. A rank that was killed says nothing: its connections break, the others report in
the store, and who does not is missing. A thread of each rank reports, because a rank
may compute for a long time before it waits for a message.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

#: Seconds between two looks at the store, and for the others to report in it.
_POLL, _PATIENCE = 1.0, 20.0

#: The message of a rank that leaves the context, to ranks that begin a fit.
_LEAVING = json.dumps({"problem": "it leaves the process group, without this call"})


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
        self.opening, self._settled = False, -1
        store = dist.distributed_c10d._get_default_store()
        members = f"sklearn_topics {','.join(map(str, self._members))}"
        # Counted there, because a process may have had groups without the others.
        number = store.add(f"{members}, contexts of rank {self.rank}", 1)
        self._store = dist.PrefixStore(f"{members}, context {number}", store)
        self._store.set(f"entered {self.rank}", "yes")

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Answer ranks that ask who is there, also while this one computes."""
        end = threading.Event()
        thread = threading.Thread(target=self._answer, args=(end,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            end.set()
            thread.join(_POLL)  # the store may no longer react

    def _answer(self, end: threading.Event) -> None:
        with suppress(RuntimeError):  # the store is gone
            while not end.wait(_POLL):
                if self._store.check(["trouble"]):
                    self._store.set(f"here {self.rank}", "yes")
                    return

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
        texts = self.exchange(_LEAVING)
        others = [r for r, text in enumerate(texts) if text != _LEAVING]
        if others:
            self._publish(f"rank {self.rank} left while rank {others[0]} began a fit")
            raise RankFailed(_explained(self._failure))

    def settle(self, error: BaseException) -> None:
        """Wait until all ranks have raised errors after as many messages as this one.

        If another waits for a message, or takes too long, the group fails.
        """
        if isinstance(error, RankFailed):
            return
        if not isinstance(error, Exception):  # such as a second Ctrl-C
            self.report(error)
            return
        place, end = self._place(self.messages), time.monotonic() + _PATIENCE
        with suppress(RuntimeError):  # the store is gone: all have ended
            self._store.compare_set(place, "", self._described(error))
            self._store.set(f"{place}, {self.rank}", "yes")
            while not self._store.check([f"{place}, {r}" for r in range(self.size)]):
                if self._known_failure() is None and time.monotonic() > end:
                    self._publish(self._described(error))
                if self._failure is not None:
                    return
                time.sleep(_POLL / 20)
            self.common_error, self._settled = error, self.messages

    def _place(self, messages: int) -> str:
        return f"error after {messages} messages"

    def report(self, error: BaseException) -> None:
        """Make all ranks fail that wait for this one, which has failed."""
        if not isinstance(error, RankFailed):
            self._publish(self._described(error))

    def _described(self, error: BaseException) -> str:
        text = str(error).rstrip(".")
        return f"rank {self.rank}: {type(error).__name__}: {text}"

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
        while not self._arrived(work):
            try:
                self._look()
            except RankFailed:
                # It may be the last message, of ranks that have left meanwhile.
                with suppress(RuntimeError):
                    if _has_arrived(work):
                        return
                raise

    def _arrived(self, work) -> bool:
        try:
            return _has_arrived(work)
        except RuntimeError as error:
            raise self._lost(error) from error

    def _look(self) -> None:
        """Raise an error if a rank has failed, or has not come to this message."""
        last = self.messages - 1
        place = self._place(last)
        try:
            if self._known_failure() is None and last != self._settled:
                if self._store.check([place]):
                    self._publish(self._store.get(place).decode())
        except RuntimeError as error:
            raise self._lost(error) from error
        if self._failure is not None:
            raise RankFailed(_explained(self._failure))

    def _known_failure(self) -> str | None:
        """Why the group has failed, if it has."""
        if self._failure is None and self._store.check(["failure"]):
            self._failure = self._store.get("failure").decode()
        return self._failure

    def _lost(self, error: RuntimeError) -> RankFailed:
        """The error to raise when a connection has broken."""
        what = f"a message was lost: {str(error).splitlines()[0]}"
        try:
            missing, absent = self._missing()
        except RankFailed as known:
            return known
        except RuntimeError:  # the store is gone, which is in the process of rank 0
            missing, absent = [r for r, m in enumerate(self._members) if m == 0], []
        if missing:
            what = f"{_ranks(missing)} ended, or did not answer"
        elif absent:
            what = f"{_ranks(absent)} did not enter the process group; {what}"
        self._publish(what)
        return RankFailed(_explained(self._failure))

    def _missing(self) -> tuple[list[int], list[int]]:
        """The ranks that do not say that they are here, and those that never did."""
        self._store.set("trouble", "yes")
        self._store.set(f"here {self.rank}", "yes")
        missing, end = [*range(self.size)], time.monotonic() + _PATIENCE
        entered = [r for r in missing if self._store.check([f"entered {r}"])]
        while set(missing) & set(entered) and time.monotonic() < end:
            time.sleep(_POLL / 10)
            if self._known_failure() is not None:
                raise RankFailed(_explained(self._failure))
            missing = [r for r in missing if not self._store.check([f"here {r}"])]
        return (
            [r for r in missing if r in entered],
            [r for r in missing if r not in entered],
        )

    def _publish(self, failure: str) -> None:
        """Store a failure, for all who look, unless there is one."""
        self._failure = failure
        try:
            self._store.compare_set("failure", "", failure)
        except RuntimeError:
            return  # the store is gone, and its rank is what the others will name


def _has_arrived(work) -> bool:
    """Wait a little for a message; whether it has come. An error if it never will."""
    try:
        work.wait(timedelta(seconds=_POLL))
    except RuntimeError:
        if not work.is_completed():
            return False
        work.wait()  # it may have come just after the time was over
    return True


def _ranks(numbers: list[int]) -> str:
    which = "rank" if len(numbers) == 1 else "ranks"
    return f"{which} {', '.join(map(str, numbers))}"


def _explained(failure: str) -> str:
    return (
        "A rank of the process group has failed, so all ranks stop: "
        f"{failure}. Correct the cause, and start all processes again."
    )
