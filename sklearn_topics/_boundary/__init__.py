"""The only code that knows scikit-learn and scipy as well as torch."""
