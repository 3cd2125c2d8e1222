"""YAML files, read as YAML 1.2 has numbers; the one place that knows PyYAML."""

import re

import yaml

from .errors import CommandError, one_line


class _Loader(yaml.SafeLoader):
    """SafeLoader that reads 5e-4 as a number and refuses a key given twice."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _ in node.value:
            name = str(key.value)
            if name in seen:
                line = key.start_mark.line + 1
                raise CommandError(f"line {line}: the key {name!r} is repeated")
            seen.add(name)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


def read_yaml(path):
    """What the file holds: mappings, lists, text, numbers, booleans and None."""
    try:
        with open(path, encoding="utf-8") as file:
            return yaml.load(file, _Loader)
    except OSError as error:
        raise CommandError(error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise CommandError("not UTF-8 text") from error
    except (yaml.YAMLError, ValueError) as error:  # a date that there is not, say
        raise CommandError(f"not YAML: {one_line(error)}") from error


def write_yaml(path, content, heading):
    """Write `content` below `heading`, comment lines without their marks."""
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(f"# {line}\n" for line in heading)
        yaml.safe_dump(content, file, sort_keys=False, allow_unicode=True)
