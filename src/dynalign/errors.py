"""The one exception that means "your input cannot be used as it is"."""


class DynalignError(ValueError):
    """Raised for bad input; its message is one sentence that says what was wrong, where, and what would be right.

    The command line shows the message alone, without a stack trace. It is a ``ValueError``, so that code that
    uses the library without the command line needs to know nothing of it.
    """
