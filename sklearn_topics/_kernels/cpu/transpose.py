"""Rows of a matrix, by entry, as the lines of a tile, by topic: for `lanes`."""

from numba.core import cgutils

from .prefetch import fetch_bytes, is_far_bytes
from .vectors import INDEX, shuffle


class Rows:
    """The rows of a matrix that the entries of a group name, from a column on.

    Parameters
    ----------
    columns : pointer to int64
        The row of each entry, and -1 for none.
    A : pointer
        To that column in the first of m rows, each of K numbers.
    nothing : pointer
        To zeros, the row of an entry that does not exist.
    left : number
        Of columns.
    """

    def __init__(self, vectors, columns, A, nothing, m, K, left):
        builder, itemsize = vectors.builder, vectors.itemsize
        self.vectors, self.columns, self.A, self.nothing = vectors, columns, A, nothing
        self.width, self.left = K, left
        self.size = builder.mul(K, INDEX(itemsize))
        self.far = is_far_bytes(builder, builder.mul(self.size, m))
        self.rows = cgutils.alloca_once(builder, A.type, INDEX(vectors.lanes))

    def transposed(self, p, lines):
        """Loop over squares of vectors; yields each of the lines and its vector p."""
        vectors, builder, lanes = self.vectors, self.vectors.builder, self.vectors.lanes
        with cgutils.for_range(builder, INDEX(lanes)) as loop:
            place = builder.gep(self.rows, [loop.index])
            entry = builder.add(builder.mul(p, INDEX(lanes)), loop.index)
            builder.store(self.row(entry), place)
        n_squares = builder.udiv(builder.add(lines, INDEX(lanes - 1)), INDEX(lanes))
        with cgutils.for_range(builder, n_squares) as loop:
            first, square = builder.mul(loop.index, INDEX(lanes)), []
            inside = vectors.first_lanes(builder.sub(self.left, first))
            for lane in range(lanes):
                row = builder.load(builder.gep(self.rows, [INDEX(lane)]))
                square.append(vectors.load_some(builder.gep(row, [first]), inside))
            for r, vector in enumerate(_transposed(builder, square)):
                k = builder.add(first, INDEX(r))
                with builder.if_then(builder.icmp_signed("<", k, lines), likely=True):
                    yield k, vector

    def fetch(self, first, count: int, end):
        """Begin to load the rows of some entries, if they exist."""
        builder = self.vectors.builder
        exists = builder.icmp_signed("<", first, end)
        with builder.if_then(builder.and_(self.far, exists)):
            with cgutils.for_range(builder, INDEX(count)) as loop:
                row = self.row(builder.add(first, loop.index))
                fetch_bytes(builder, row, self.size)

    def row(self, entry):
        """Where the row of an entry begins."""
        builder = self.vectors.builder
        row = builder.load(builder.gep(self.columns, [entry]))
        place = builder.gep(self.A, [builder.mul(row, self.width)])
        missing = builder.icmp_signed("<", row, INDEX(0))
        return builder.select(missing, self.nothing, place)


def _transposed(builder, square):
    """The columns of a square of vectors.

    First within parts of 16 bytes, of which a vector has four, then these parts: for
    both, processors have instructions.
    """
    lanes, part = len(square), len(square) // 4
    width = 1
    while width < part:
        # Each pair of vectors takes turns, by `width` numbers, in half of each part.
        lower = [base + n for base in range(0, lanes, part) for n in range(part // 2)]
        turns = [lower[n : n + width] for n in range(0, len(lower), width)]
        first = [n + other for turn in turns for other in (0, lanes) for n in turn]
        second = [n + part // 2 for n in first]
        for i in range(lanes):
            if not i & width:
                pair = square[i], square[i + width]
                square[i] = shuffle(builder, *pair, first)
                square[i + width] = shuffle(builder, *pair, second)
        width *= 2
    columns = [None] * lanes
    for r in range(part):
        a, b, c, d = square[r::part]
        (even, odd), (later_even, later_odd) = (
            _parts(builder, a, b),
            _parts(builder, c, d),
        )
        # Turns by 1, 2, .. numbers leave column r where its bits in reverse say.
        column = int(f"{r:0{part.bit_length() - 1}b}"[::-1], 2)
        columns[column], columns[2 * part + column] = _parts(builder, even, later_even)
        columns[part + column], columns[3 * part + column] = _parts(
            builder, odd, later_odd
        )
    return columns


def _parts(builder, a, b):
    """The even parts of 16 bytes of two vectors, and the odd ones."""
    part = a.type.count // 4
    both = [list(range(n * part, (n + 1) * part)) for n in range(8)]
    return [shuffle(builder, a, b, sum(both[n::2], [])) for n in (0, 1)]
