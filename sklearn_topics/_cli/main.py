"""Arguments, exit status, and one line per error that the user can correct."""

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
Fit a topic model from a configuration file, print its topics, apply it to other
documents and evaluate it."""

_EPILOG = """\
example:
  python -m sklearn_topics fit config.yaml
  python -m sklearn_topics topics runs/etm
  python -m sklearn_topics transform runs/etm new.jsonl -o new_topics.csv
  python -m sklearn_topics evaluate runs/etm held_out.jsonl

Results go to standard output or to files, progress and errors to standard error.
Exit status: 0 success, 2 an error in the arguments, the configuration or the data,
130 interrupted. `python -m sklearn_topics COMMAND --help` shows the arguments of a
command."""

_FIT = """\
Fit a topic model from a YAML file, for example:

  seed: 1
  data:
    path: texts.jsonl        # or .txt (one document per line), .csv; counts in .npz,
                             # .mtx, .h5ad and other formats
    field: text              # JSONL field or CSV column with the text
    split: {train: 0.8, valid: 0.1, test: 0.1}
  vectorizer:
    name: CountVectorizer    # or TfidfVectorizer
    params: {stop_words: english, min_df: 5}
  estimator:
    name: TorchETM           # or TorchPoissonNMF, ..., NMF
    params: {n_components: 50}
  output:
    folder: runs/etm

The output folder then contains
  model.skops           the fitted pipeline, for skops.io.load
  topics.csv            the top terms of each topic
  document_topics.csv   topic proportions of all documents (train, valid and test)
  metrics.json          metrics of the valid and test documents; also printed
  config.yaml           all settings, including defaults, to repeat the fit
and, optionally, plots (output.plots), a report in HTML (output.report) and a
TensorBoard log (output.tensorboard). The user guide describes all keys."""

_TOPICS = """\
Print the top terms of each topic: topic number, tab, terms, best first."""

_TRANSFORM = """\
Infer the topic proportions of documents and write them as CSV: the number of the
document in its file, counted from 0, and one column per topic. Matrix factorisations
give weights instead of proportions."""

_EVALUATE = """\
Evaluate a model on documents that it was not fitted on, and print metrics as JSON:
completion (mean log-likelihood per held-out token, higher is better), perplexity
(exp(-completion), lower is better), npmi (coherence of the top ten terms in these
documents) and diversity (share of distinct terms among the top 25 of all topics)."""


def main(argv=None) -> int:
    """Run a command and return its exit status."""
    options = vars(_parser().parse_args(argv))
    command = options.pop("command")
    try:
        _run(command, options)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as head, stops reading
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
    # Imported late: --help and --version need neither torch nor the libraries of `cli`.
    try:
        from . import fit, use
    except ModuleNotFoundError as error:
        if error.name not in _EXTRA:
            raise
        raise CommandError(
            f"the command line needs {error.name}; install it with: "
            "pip install 'sklearn_topics[cli]'"
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

    _add_fit(commands)
    _add_topics(commands)
    _add_transform(commands)
    _add_evaluate(commands)
    return parser


def _add_fit(commands):
    fit = _command(commands, "fit", _FIT, "fit a topic model from a YAML file")
    fit.add_argument("config", metavar="CONFIG", help="YAML file")
    fit.add_argument(
        "-o", "--output", metavar="DIR", help="output folder, replaces output.folder"
    )
    fit.add_argument(
        "--overwrite",
        action="store_true",
        default=None,
        help="replace the files of an earlier run in the output folder",
    )


def _add_topics(commands):
    topics = _command(commands, "topics", _TOPICS, "print the top terms of each topic")
    _add_run(topics)
    topics.add_argument(
        "-n",
        dest="n_terms",
        type=_positive,
        default=10,
        metavar="N",
        help="number of terms per topic (default: 10)",
    )
    topics.add_argument(
        "--by",
        choices=("probability", "relevance", "lift"),
        default="probability",
        help="how terms are ranked: by their probability in the topic (default), by "
        "this probability relative to all topics (lift), or by a compromise of both "
        "(relevance)",
    )
    topics.add_argument(
        "--csv",
        dest="as_csv",
        action="store_true",
        help="print topic, rank, term and weight as CSV, as in topics.csv",
    )


def _add_transform(commands):
    transform = _command(
        commands, "transform", _TRANSFORM, "infer the topic proportions of documents"
    )
    _add_run(transform)
    _add_data(transform)
    transform.add_argument(
        "-o", "--output", metavar="FILE", help="output file (default: standard output)"
    )


def _add_evaluate(commands):
    evaluate = _command(
        commands, "evaluate", _EVALUATE, "compute metrics on held-out documents"
    )
    _add_run(evaluate)
    _add_data(evaluate)
    evaluate.add_argument(
        "--metrics",
        nargs="+",
        type=measure,
        choices=(*MEASURES, *MORE_MEASURES),
        default=MEASURES,
        help=f"metrics to compute (default: {', '.join(MEASURES)})",
    )


def _command(commands, name, description, summary):
    command = commands.add_parser(
        name,
        help=summary,
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument(
        "--traceback", action="store_true", help="show the traceback of errors"
    )
    return command


def _add_run(command):
    command.add_argument("folder", metavar="RUN_DIR", help="output folder of fit")


def _add_data(command):
    command.add_argument(
        "data",
        metavar="DATA",
        help="documents: .txt (one per line), .jsonl, .csv or .tsv, also compressed "
        "(.gz), or counts with the columns of the fit: .npz, a folder of "
        "io.write_counts, .h5ad, .zarr, .h5 (10x), .mtx, docword.*.txt (UCI), .ldac, "
        ".svmlight",
    )
    command.add_argument(
        "--format",
        choices=FORMATS,
        help="format of DATA (default: as in the fit, or by the file extension)",
    )
    command.add_argument(
        "--field",
        help="JSONL field or CSV column with the text (default: as in the fit)",
    )
    command.add_argument(
        "--key",
        help="place of the counts in a file of AnnData, such as layers/counts, or 10x "
        "(default: as in the fit)",
    )


def _positive(text) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be an integer above 0. Got {text!r}")
    return int(text)
