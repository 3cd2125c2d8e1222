"""Words that every reference page uses and that say nothing about its subject."""

# Of the words most frequent by document in `load_docstrings`, those that are spread
# over all the subpackages, by the entropy of their document frequencies, and that name
# no subject: "matrix", "sample" or "distribution" are as frequent, but are subjects.
API_STOP_WORDS = frozenset(
    # The three packages and their documentation.
    """
    api described description documentation example examples glossary guide learn
    note notes numpy py python read refer reference scipy section sklearn user
    """
    # What a signature consists of.
    """
    args argument arguments attribute attributes class default defaults function
    functions instance keyword method methods module names object objects option
    optional options parameter parameters self
    """
    # Types and containers, and what is always said of them.
    """
    array arrays bool boolean callable containing contains corresponding corresponds
    dict dictionary dimension dimensional dimensions dtype element elements false float
    index indices int integer integers iterable length list ndarray number numbers
    scalar sequence shape size str string strings true tuple type types value values
    """
    # What goes in, comes out or goes wrong.
    """
    accepted allowed available called calling calls compute computed computes copy
    current data error given ignored implementation implemented input inputs new output
    pass passed passing provided raise raised required result resulting results return
    returned returns specified specifies specify stored support supported use used
    useful uses using valid version warning
    """
    # Verbs, adjectives and connectives of any technical prose.
    """
    additional allows applied apply assumed automatically based behavior calculate
    calculated case cases chosen contain create created defined depending desired
    details determines different directly does equal equivalent expected following
    follows form general greater information instead known large larger like make means
    multiple necessary need non np obtained original perform performed possible set sets
    setting single small smaller specific takes unless way
    """.split()
)
