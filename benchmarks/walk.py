"""The way of X from TorchPoissonNMF.fit to a kernel and back: file:function, indented.

    python benchmarks/walk.py

Each function is shown where it is first called, with the room (folder) that it is in;
rooms lie below each other in the order of setup.cfg.
"""

import sys
from pathlib import Path

import sklearn_topics
from sklearn_topics import TorchPoissonNMF
from sklearn_topics.datasets import make_topic_corpus

PACKAGE = Path(sklearn_topics.__file__).parent
LAYERS = "models", "_fit", "_core", "_boundary", "_kernels"


def place(frame):
    """(room/file, function) of a frame of the package, else None."""
    path = Path(frame.f_code.co_filename)
    if not path.is_relative_to(PACKAGE):
        return None
    return path.relative_to(PACKAGE).as_posix(), frame.f_code.co_name


def stack_of(frame):
    """The frame's callers within the package and itself, outermost first."""
    stack = []
    while frame is not None:
        found = place(frame)
        if found and not found[1].startswith(("<", "__")) and found[1] != _DECORATOR:
            stack.append(found)
        frame = frame.f_back
    return stack[::-1]


#: The function that `plain_torch` makes of each public method.
_DECORATOR = "run"


def walk(call):
    """Stacks of functions in the order in which they are first entered."""
    stacks = {}

    def note(frame, event, argument):
        if event == "call" and place(frame):
            stack = stack_of(frame)
            if stack and stack[-1] == place(frame):
                stacks.setdefault(stack[-1], stack)

    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
    return list(stacks.values())


def entered_twice(stack):
    """Rooms that a stack leaves and enters again."""
    rooms = [file.split("/")[0] for file, _ in stack]
    distinct = [a for a, b in zip(rooms, [None, *rooms], strict=False) if a != b]
    return {room for room in distinct if distinct.count(room) > 1}


def main():
    X, _, _ = make_topic_corpus(200, 50, 3, random_state=0)
    model = TorchPoissonNMF(3, max_iter=20, tol=0, random_state=0)
    model.fit(X)  # kernels are compiled
    stacks = walk(lambda: model.fit(X))
    for stack in stacks:
        file, function = stack[-1]
        print(f"{'  ' * (len(stack) - 1)}{file}:{function}")
    twice = set().union(*map(entered_twice, stacks))
    print(f"\n{len(stacks)} functions; rooms entered twice on the way down:", end=" ")
    print(", ".join(sorted(twice)) or "none")


if __name__ == "__main__":
    main()
