"""Save and load the fitted pipeline with skops, which runs no code on loading."""

import zipfile

from sklearn.pipeline import Pipeline
from skops import io

from .. import trusted_types
from .errors import CommandError, one_line, within


def save_model(pipeline, path):
    io.dump(pipeline, path)


def load_model(path):
    """Load a pipeline of types of scikit-learn and of this package.

    Raises
    ------
    CommandError
        If the file is not a model file, or contains other types.
    """
    ours = trusted_types()
    with within(path):
        try:
            foreign = sorted(set(io.get_untrusted_types(file=path)) - set(ours))
            if foreign:
                raise CommandError(
                    f"contains types that are not trusted: {', '.join(foreign)}; "
                    "expected a model written by fit"
                )
            model = io.load(path, trusted=ours)
        except FileNotFoundError as error:
            raise CommandError("file not found; expected a model written by fit") from (
                error
            )
        except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
            raise CommandError(f"not a model file: {one_line(error)}") from error
        if not isinstance(model, Pipeline) or not hasattr(model[-1], "components_"):
            raise CommandError(
                "not a pipeline that ends in a fitted topic model; expected a model "
                "written by fit"
            )
        return model
