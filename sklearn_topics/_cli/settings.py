"""The configuration file: sections, types and defaults; imports pydantic."""

import reprlib
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from .choices import FORMATS, MEASURES, METADATA, MORE_MEASURES, PARTS, measure
from .errors import CommandError, choice
from .yaml_file import boolean, read_yaml, write_yaml


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


Fraction = Annotated[float, Field(ge=0, le=1)]
Switch = Annotated[bool, BeforeValidator(boolean)]
Measure = Annotated[Literal[*MEASURES, *MORE_MEASURES], BeforeValidator(measure)]


class Split(_Section):
    """Share of the documents in each part."""

    train: Fraction
    valid: Fraction = 0.0
    test: Fraction = 0.0

    @model_validator(mode="after")
    def _sum_to_one(self):
        total = self.train + self.valid + self.test
        if abs(total - 1) > 1e-6:
            raise ValueError(
                f"train, valid and test must sum to 1. They sum to {total:g}"
            )
        if self.train == 0:
            raise ValueError("train must be greater than 0. Got 0")
        return self


class Data(_Section):
    """Documents: one file that is split, or one file per part."""

    path: str | None = None
    split: Split | None = None
    train: str | None = None
    valid: str | None = None
    test: str | None = None
    format: Literal[*FORMATS] | None = None
    field: str = "text"
    id_field: str | None = None
    label_field: str | None = None
    date_field: str | None = None
    key: str | None = None
    vocabulary: str | None = None

    @model_validator(mode="after")
    def _one_way(self):
        if (self.path is None) == (self.train is None):
            raise ValueError(
                "set either path (one file, which split divides) or train (with "
                "optional files valid and test)"
            )
        if self.path is not None and (self.valid or self.test):
            raise ValueError(
                "valid and test cannot be combined with path; set split, or replace "
                "path by train"
            )
        if self.train is not None and self.split is not None:
            raise ValueError(
                "split cannot be combined with train; remove split, or replace train "
                "by path"
            )
        return self

    def columns(self) -> dict[str, str]:
        """Fields of metadata that are given, by "id", "label" and "date"."""
        given = {name: getattr(self, f"{name}_field") for name in METADATA}
        return {name: field for name, field in given.items() if field is not None}

    def files(self) -> dict[str, str]:
        """Files that are given, by key."""
        keys = ("path", *PARTS)
        return {key: getattr(self, key) for key in keys if getattr(self, key)}


class Step(_Section):
    """A vectorizer or estimator: the name of its class, and its parameters."""

    name: str
    params: dict[str, Any] = {}

    @field_validator("params", mode="before")
    @classmethod
    def _none_given(cls, params):
        return {} if params is None else params


class Consensus(_Section):
    """Parameters of ConsensusTopics, which fits the estimator many times."""

    n_fits: Annotated[int, Field(ge=2)] = 20
    density_threshold: Annotated[float, Field(gt=0, le=1)] = 0.6
    n_jobs: int | None = None
    verbose: Annotated[int, Field(ge=0)] = 0

    @field_validator("n_jobs")
    @classmethod
    def _some_job(cls, n_jobs):
        if n_jobs == 0:
            raise ValueError("must be at least 1, or -1 for all cores")
        return n_jobs


class Output(_Section):
    """Output folder and its contents."""

    folder: str
    overwrite: Switch = False
    n_terms: Annotated[int, Field(ge=1)] = 10
    plots: Switch = False
    report: Switch = False
    tensorboard: Switch = False


class Settings(_Section):
    """All settings of the file."""

    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    data: Data
    vectorizer: Step | None = None
    estimator: Step
    consensus: Consensus | None = None
    metrics: list[Measure] = list(MEASURES)
    output: Output


_SECTIONS = {
    (): Settings,
    ("data",): Data,
    ("data", "split"): Split,
    ("vectorizer",): Step,
    ("estimator",): Step,
    ("consensus",): Consensus,
    ("output",): Output,
}


def load_settings(path, **output) -> Settings:
    """Read and validate the file; `output` overrides keys of its section output."""
    content = read_yaml(path)
    if not isinstance(content, dict):
        keys = ", ".join(Settings.model_fields)
        problem = "is empty" if content is None else "does not contain a mapping"
        raise CommandError(f"the file {problem}. Expected the keys {keys}")
    given = {key: value for key, value in output.items() if value is not None}
    if given:
        section = content.get("output")
        content["output"] = {**(section if isinstance(section, dict) else {}), **given}
    try:
        return Settings.model_validate(content)
    except ValidationError as error:
        raise _as_command_error(error) from error


def save_settings(path, settings: Settings, heading):
    """Write a file that `load_settings` reads."""
    write_yaml(path, settings.model_dump(), heading)


def _as_command_error(error: ValidationError) -> CommandError:
    """All errors of pydantic, one line each with the path of the key.

    Unknown keys come first, because a misspelt key is also a missing key.
    """
    errors = error.errors(include_url=False)
    errors.sort(key=lambda details: details["type"] != "extra_forbidden")
    paths = [tuple(details["loc"]) for details in errors]
    return CommandError.of(
        (_problem(details, path), ".".join(map(str, path)))
        for details, path in zip(errors, paths, strict=True)
    )


def _problem(details, path) -> str:
    kind, value = details["type"], reprlib.repr(details["input"])
    if kind == "extra_forbidden":
        section = _SECTIONS[path[:-1]]
        hint = choice(path[-1], section.model_fields)
        if section is Step:
            hint += f". Set parameters in {'.'.join(path[:-1])}.params"
        return f"unknown key; {hint}"
    if kind == "missing":
        return "this key is required"
    if kind == "model_type":
        keys = ", ".join(_SECTIONS[path].model_fields)
        return f"must be a section with the keys {keys}. Got {value}"
    if kind == "value_error":
        return str(details["ctx"]["error"])
    if kind == "literal_error":
        is_format = path == ("data", "format")
        known = FORMATS if is_format else (*MEASURES, *MORE_MEASURES)
        return f"unknown name {value}; {choice(details['input'], list(known))}"
    return f"{details['msg'].replace('Input should be', 'must be')}. Got {value}"
