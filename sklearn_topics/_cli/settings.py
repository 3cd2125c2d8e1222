"""The configuration file: its sections, their types and defaults; knows pydantic."""

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

from .choices import FORMATS, MEASURES, MORE_MEASURES, PARTS, measure
from .errors import CommandError, choice
from .yaml_file import boolean, read_yaml, write_yaml


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


Fraction = Annotated[float, Field(ge=0, le=1)]
Switch = Annotated[bool, BeforeValidator(boolean)]
Measure = Annotated[Literal[*MEASURES, *MORE_MEASURES], BeforeValidator(measure)]


class Split(_Section):
    """Shares of the documents."""

    train: Fraction
    valid: Fraction = 0.0
    test: Fraction = 0.0

    @model_validator(mode="after")
    def _sum_to_one(self):
        total = self.train + self.valid + self.test
        if abs(total - 1) > 1e-6:
            raise ValueError(f"train, valid and test must sum to 1, not to {total:g}")
        if self.train == 0:
            raise ValueError("train must be greater than 0")
        return self


class Data(_Section):
    """Documents: one file that is split, or one file for each part."""

    path: str | None = None
    split: Split | None = None
    train: str | None = None
    valid: str | None = None
    test: str | None = None
    format: Literal[*FORMATS] | None = None
    field: str = "text"
    vocabulary: str | None = None

    @model_validator(mode="after")
    def _one_way(self):
        if (self.path is None) == (self.train is None):
            raise ValueError(
                "give either path, a file that split divides, or train, a file of its "
                "own, with valid and test beside it"
            )
        if self.path is not None and (self.valid or self.test):
            raise ValueError("valid and test are files beside train; path has split")
        if self.train is not None and self.split is not None:
            raise ValueError("split divides path; train, valid and test are files")
        return self

    def files(self) -> dict[str, str]:
        """Key -> file, of those that are given."""
        keys = ("path", *PARTS)
        return {key: getattr(self, key) for key in keys if getattr(self, key)}


class Step(_Section):
    """A class by its name, and its parameters."""

    name: str
    params: dict[str, Any] = {}

    @field_validator("params", mode="before")
    @classmethod
    def _none_given(cls, params):
        return {} if params is None else params


class Output(_Section):
    """What is written, and where."""

    folder: str
    overwrite: Switch = False
    n_terms: Annotated[int, Field(ge=1)] = 10
    plots: Switch = False
    tensorboard: Switch = False


class Settings(_Section):
    """The whole file."""

    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    data: Data
    vectorizer: Step | None = None
    estimator: Step
    metrics: list[Measure] = list(MEASURES)
    output: Output


_SECTIONS = {
    (): Settings,
    ("data",): Data,
    ("data", "split"): Split,
    ("vectorizer",): Step,
    ("estimator",): Step,
    ("output",): Output,
}


def load_settings(path, **output) -> Settings:
    """Read and validate the file; `output` replaces keys of its section output."""
    content = read_yaml(path)
    if not isinstance(content, dict):
        keys = ", ".join(Settings.model_fields)
        found = "is empty" if content is None else "holds no mapping"
        raise CommandError(f"the file {found}. Expected the keys {keys}")
    given = {key: value for key, value in output.items() if value is not None}
    if given:
        section = content.get("output")
        content["output"] = {**(section if isinstance(section, dict) else {}), **given}
    try:
        return Settings.model_validate(content)
    except ValidationError as error:
        raise _complaints(error) from error


def save_settings(path, settings: Settings, heading):
    """Write a file that `load_settings` reads."""
    write_yaml(path, settings.model_dump(), heading)


def _complaints(error: ValidationError) -> CommandError:
    """All of pydantic's complaints, a line each with the key's path.

    Unknown keys first: a key that is misspelt is also missing.
    """
    found = error.errors(include_url=False)
    found.sort(key=lambda complaint: complaint["type"] != "extra_forbidden")
    places = [tuple(complaint["loc"]) for complaint in found]
    return CommandError.of(
        (_complaint(complaint, where), ".".join(map(str, where)))
        for complaint, where in zip(found, places, strict=True)
    )


def _complaint(found, where) -> str:
    kind, value = found["type"], reprlib.repr(found["input"])
    if kind == "extra_forbidden":
        section = _SECTIONS[where[:-1]]
        advice = choice(where[-1], section.model_fields)
        if section is Step:
            advice += f". Parameters go below {'.'.join(where[:-1])}.params"
        return f"unknown key; {advice}"
    if kind == "missing":
        return "missing, but needed"
    if kind == "model_type":
        keys = ", ".join(_SECTIONS[where].model_fields)
        return f"must be a section with the keys {keys}. Got {value}"
    if kind == "value_error":
        return str(found["ctx"]["error"])
    if kind == "literal_error":
        is_format = where == ("data", "format")
        known = FORMATS if is_format else (*MEASURES, *MORE_MEASURES)
        return f"unknown name {value}; {choice(found['input'], list(known))}"
    return f"{found['msg'].replace('Input should be', 'must be')}. Got {value}"
