"""What takes long: the loop around a solver, its observers, and where it starts."""
