"""Arguments, exit status, and a line for each error that the user can mend."""

import argparse
import json
import os
import sys

from .._version import __version__
from .choices import FORMATS, MEASURES, MORE_MEASURES, measure
from .errors import CommandError

#: Modules of the extra `cli`.
_EXTRA = "pydantic", "skops", "yaml"

_DESCRIPTION = """\
Topic models from configuration files: fit one, look at its topics, apply it to
other documents and judge it."""

_EPILOG = """\
example:
  python -m sklearn_topics fit config.yaml
  python -m sklearn_topics topics runs/etm
  python -m sklearn_topics transform runs/etm new.jsonl -o new_topics.csv
  python -m sklearn_topics evaluate runs/etm held_out.jsonl

Results go to standard output or files, progress and errors to standard error.
Exit status: 0 done, 2 something to mend in the arguments, the configuration or the
data, 130 interrupted. `python -m sklearn_topics COMMAND --help` tells more."""

_FIT = """\
Fit a model as a YAML file says. A small one:

  seed: 1
  data:
    path: texts.jsonl        # or .txt (a document a line), .csv, .npz (counts)
    field: text              # of JSONL and CSV
    split: {train: 0.8, valid: 0.1, test: 0.1}
  vectorizer:
    name: CountVectorizer    # or TfidfVectorizer
    params: {stop_words: english, min_df: 5}
  estimator:
    name: TorchETM           # or TorchPoissonNMF, ..., NMF
    params: {n_components: 50}
  output:
    folder: runs/etm

The folder then holds
  model.skops           the fitted pipeline, for skops.io.load
  topics.csv            the first terms of each topic
  document_topics.csv   topic proportions of all documents, train, valid and test
  metrics.json          of the valid and test documents; also printed
  config.yaml           all settings, defaults included, to fit it again
and, if asked for, pictures (output.plots) and a log for TensorBoard
(output.tensorboard). The user guide has every key."""

_TOPICS = """\
Print the first terms of each topic: its number, a tab, and the terms, best first."""

_TRANSFORM = """\
Infer the topic proportions of documents (of a model that is a factorization: their
weights) and write them as CSV: the number of the document in its file, from 0, and a
column for each topic."""

_EVALUATE = """\
Print metrics as JSON: completion (mean log-probability of a held-out token),
perplexity (its exponential, smaller is better), npmi (coherence of the first ten
terms in these documents) and diversity (share of distinct terms among the first 25
of all topics). Use documents that the model was not fitted on."""


def main(argv=None) -> int:
    """Run a command; the exit status."""
    options = vars(_parser().parse_args(argv))
    command = options.pop("command")
    try:
        _run(command, options)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, head for one, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (CommandError, OSError) as error:
        if options["traceback"]:
            raise
        for line in str(error).split("\n"):
            print(f"error: {line}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return 0


def _run(command, options):
    # Imported here: help and version need none of the extra's libraries, nor torch.
    try:
        from . import fit, use
    except ModuleNotFoundError as error:
        if error.name not in _EXTRA:
            raise
        raise CommandError(
            f"the command line needs {error.name}: pip install 'sklearn_topics[cli]'"
        ) from error
    commands = {
        "fit": fit.fit,
        "topics": use.topics,
        "transform": use.transform,
        "evaluate": use.evaluate,
    }
    given = {key: value for key, value in options.items() if key != "traceback"}
    result = commands[command](**given)
    if result is not None:
        print(json.dumps(result, indent=2))


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m sklearn_topics",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--version", action="version", version=f"sklearn_topics {__version__}"
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    fit = _command(commands, "fit", _FIT, "fit a model as a YAML file says")
    fit.add_argument("config", metavar="CONFIG", help="the YAML file")
    fit.add_argument(
        "-o", "--output", metavar="DIR", help="folder to write, for output.folder"
    )
    fit.add_argument(
        "--overwrite",
        action="store_true",
        default=None,
        help="replace the files of an earlier run in that folder",
    )

    topics = _command(commands, "topics", _TOPICS, "print the first terms of topics")
    _add_run(topics)
    topics.add_argument(
        "-n",
        dest="n_terms",
        type=_positive,
        default=10,
        metavar="N",
        help="terms of each topic (default 10)",
    )
    topics.add_argument(
        "--by",
        choices=("probability", "relevance", "lift"),
        default="probability",
        help="what puts terms first: their probability in the topic (default), that "
        "relative to all topics (lift), or what lies between (relevance)",
    )
    topics.add_argument(
        "--csv",
        dest="as_csv",
        action="store_true",
        help="print topic, rank, term and weight, as in topics.csv",
    )

    transform = _command(
        commands, "transform", _TRANSFORM, "topic proportions of other documents"
    )
    _add_run(transform)
    _add_data(transform)
    transform.add_argument(
        "-o", "--output", metavar="FILE", help="file to write (default: print)"
    )

    evaluate = _command(
        commands, "evaluate", _EVALUATE, "metrics of documents that were held out"
    )
    _add_run(evaluate)
    _add_data(evaluate)
    evaluate.add_argument(
        "--metrics",
        nargs="+",
        type=measure,
        choices=(*MEASURES, *MORE_MEASURES),
        default=MEASURES,
        help=f"which ones (default: {', '.join(MEASURES)})",
    )
    return parser


def _command(commands, name, description, summary):
    command = commands.add_parser(
        name,
        help=summary,
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument(
        "--traceback", action="store_true", help="show where an error came from"
    )
    return command


def _add_run(command):
    command.add_argument(
        "folder", metavar="RUN_DIR", help="folder that fit has written"
    )


def _add_data(command):
    command.add_argument(
        "data",
        metavar="DATA",
        help="documents: .txt (one a line), .jsonl, .csv or .tsv, all also with .gz, "
        "or counts in .npz, with the columns of the fit",
    )
    command.add_argument(
        "--format",
        choices=FORMATS,
        help="of DATA (default: as in the configuration, or else by the ending)",
    )
    command.add_argument(
        "--field",
        help="field of JSONL or column of CSV with the text (default: that of the fit)",
    )


def _positive(text) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be an integer above 0. Got {text!r}")
    return int(text)
