"""The boundary: the only code that uses scikit-learn and scipy as well as torch."""
