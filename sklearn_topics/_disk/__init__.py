"""Counts on disk in the one form that models use: a folder of memory maps."""
