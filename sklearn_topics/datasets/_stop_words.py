"""Stop words for API documentation, which describe no subject."""

# The words with the highest document frequencies in `load_docstrings` that are spread
# over all subpackages, by the entropy of their document frequencies, and that name no
# subject. "matrix", "sample" or "distribution" are as frequent, but name subjects.
API_STOP_WORDS = frozenset(
    # Names of the three packages and of documentation.
    """
    api described description documentation example examples glossary guide learn
    note notes numpy py python read refer reference scipy section sklearn user
    """
    # Parts of a signature.
    """
    args argument arguments attribute attributes class default defaults function
    functions instance keyword method methods module names object objects option
    optional options parameter parameters self
    """
    # Types and containers, and their usual properties.
    """
    array arrays bool boolean callable containing contains corresponding corresponds
    dict dictionary dimension dimensional dimensions dtype element elements false float
    index indices int integer integers iterable length list ndarray number numbers
    scalar sequence shape size str string strings true tuple type types value values
    """
    # Inputs, outputs and errors.
    """
    accepted allowed available called calling calls compute computed computes copy
    current data error given ignored implementation implemented input inputs new output
    pass passed passing provided raise raised required result resulting results return
    returned returns specified specifies specify stored support supported use used
    useful uses using valid version warning
    """
    # Positions and entries of an array.
    """
    axis column columns end entries left maximum minimum negative order positive
    range right row rows second zero zeros
    """
    # Verbs, adjectives and connectives of any technical prose.
    """
    according additional allows applied apply appropriate assumed automatically avoid
    based behavior calculate calculated case cases change chosen computing consider
    considered contain convert converted create created defined depending desired
    details determine determined determines different directly does equal equivalent
    expected faster following follows form general gives greater higher information
    instead just known large larger like make means multiple necessary need non np
    obtained original perform performed possible representation representing represents
    respectively set sets setting similar single small smaller specific taken takes th
    times unless way wise
    """.split()
)
