"""Names that arguments and settings may take; for --help this is read, and no more."""

FORMATS = "lines", "jsonl", "csv", "counts"
PARTS = "train", "valid", "test"
MEASURES = "completion", "perplexity", "npmi", "diversity"
