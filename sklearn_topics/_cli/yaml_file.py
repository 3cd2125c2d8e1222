"""Read and write YAML files by the rules of YAML 1.2; imports PyYAML."""

import re

import yaml

from .errors import CommandError, one_line

#: The core schema of YAML 1.2: tag -> pattern and possible first characters. In YAML
#: 1.1, no, on and off are booleans, 2020-01-01 is a date and 12:30 is a number.
_CORE = {
    "merge": (r"<<", ["<"]),  # merge keys of YAML 1.1, which are widely used
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "int": (r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    "float": (
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
        r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+0123456789."),
    ),
}


#: Booleans in YAML 1.1 that are text in YAML 1.2.
_BOOLEANS = {"yes": True, "on": True, "no": False, "off": False}


class _Loader(yaml.SafeLoader):
    """SafeLoader with the core schema that refuses repeated keys."""

    yaml_implicit_resolvers: dict = {}

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _ in node.value:
            name = str(key.value)
            if name in seen:
                line = key.start_mark.line + 1
                raise CommandError(
                    f"line {line}: the key {name!r} is repeated; remove one of them"
                )
            seen.add(name)
        return super().construct_mapping(node, deep)

    def construct_number(self, node):
        text = self.construct_scalar(node)
        sign = -1 if text.startswith("-") else 1
        digits = text.lstrip("+-")
        base = {"0o": 8, "0x": 16}.get(digits[:2], 10)
        return sign * int(digits[2:] if base != 10 else digits, base)


class _Dumper(yaml.SafeDumper):
    """SafeDumper that quotes text that YAML 1.1 or 1.2 would read as another type."""


for _tag, (_pattern, _first) in _CORE.items():
    for _class in _Loader, _Dumper:
        _class.add_implicit_resolver(
            f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first
        )
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_number)


def boolean(value):
    """Convert yes, no, on and off to booleans; other values are returned unchanged."""
    return _BOOLEANS.get(value.lower(), value) if isinstance(value, str) else value


def read_yaml(path):
    """Read mappings, lists, text, numbers, booleans and None."""
    try:
        with open(path, encoding="utf-8") as file:
            return yaml.load(file, _Loader)
    except OSError as error:
        raise CommandError(error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise CommandError("not UTF-8 text; convert the file to UTF-8") from error
    except (yaml.YAMLError, ValueError) as error:
        raise CommandError(f"not valid YAML: {one_line(error)}") from error


def write_yaml(path, content, heading):
    """Write `content` after the lines of `heading`, which become comments."""
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(f"# {line}\n" for line in heading)
        yaml.dump(content, file, _Dumper, sort_keys=False, allow_unicode=True)
