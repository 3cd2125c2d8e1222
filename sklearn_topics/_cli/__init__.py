"""Command line: fit a topic model from a YAML file, inspect it and apply it.

It may import all layers, and no layer imports it. One file imports each optional
library of the extra `cli`: yaml_file (PyYAML), settings (pydantic), model_file (skops).
"""
