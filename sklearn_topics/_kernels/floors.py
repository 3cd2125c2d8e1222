"""Floors: the smallest reconstruction Y = W H that logarithms and quotients take.

A floor is a number, so it means the same for all data only in a unit in which their
typical entry is about one (`_core.unit`), or for probabilities.
"""

import torch

#: Beta-divergences: scikit-learn's, of Y wherever its power is negative, and of a
#: denominator of zero.
BETA_FLOOR = torch.finfo(torch.float32).eps

#: Poisson likelihood, in the unit of X: far below any rate of a term that occurs, so
#: that it does not change the optimum.
POISSON_FLOOR = 1e-10

#: Probabilities of terms, and Y in coordinate descent, which is in the unit of a row:
#: by dtype, because the inverse squared must be a number.
SQUARE_FLOOR = {torch.float32: 1e-14, torch.float64: 1e-30}

#: Probabilities of terms in stochastic training: the inverse must be a number, also
#: times a count.
QUOTIENT_FLOOR = {torch.float32: 1e-20, torch.float64: 1e-30}
