"""The command line: fit a topic model by a YAML file, then look at it and use it.

It imports all layers and none imports it. The optional libraries of the extra `cli`
have one file each: yaml_file (PyYAML), settings (pydantic), model_file (skops).
"""
