"""The fitted pipeline in a file that runs no code when loaded; knows skops."""

import zipfile

from sklearn.pipeline import Pipeline
from skops import io

from .. import trusted_types
from .errors import CommandError, one_line, within


def save_model(pipeline, path):
    io.dump(pipeline, path)


def load_model(path):
    """The pipeline in the file, of scikit-learn's types and our own estimators.

    Raises
    ------
    CommandError
        If the file is no such file, or holds any other type.
    """
    ours = trusted_types()
    with within(path):
        try:
            foreign = sorted(set(io.get_untrusted_types(file=path)) - set(ours))
            if foreign:
                raise CommandError(
                    "refused, because it holds types of unknown origin: "
                    f"{', '.join(foreign)}; expected the model of a fit by this command"
                )
            model = io.load(path, trusted=ours)
        except FileNotFoundError as error:
            problem = "there is no such file; expected what fit writes"
            raise CommandError(problem) from error
        except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
            raise CommandError(f"no model file: {one_line(error)}") from error
        if not isinstance(model, Pipeline) or not hasattr(model[-1], "components_"):
            raise CommandError("no pipeline that ends in a fitted topic model")
        return model
