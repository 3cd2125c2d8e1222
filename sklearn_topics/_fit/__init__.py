"""Fitting: the loop around a solver, its observers, and initialisation."""
