"""Every error that streamfix raises on purpose.

StreamfixError
+-- UsageError (ValueError)         the request is wrong, nothing was started
|   +-- UnknownName (LookupError)   no filter, codec, stream of that name
|   +-- BadOption                   an option that does not exist, or a value it cannot take
+-- InputError (OSError)            an input cannot be opened or read
|   +-- DecodeError                 the data is damaged beyond what was allowed
|   +-- LoginRefused                the server wants another user or password, or denies the access
|   +-- UnusableInput (UsageError)  no server can answer this: the URL, an option or the transport is wrong
+-- OutputError (OSError)           an output cannot be opened or written
|   +-- IncompleteOutput            one of several; the others have all
+-- FilterError (RuntimeError)      a filter failed; `__cause__` is what it raised
|   +-- DeviceError                 the device cannot do it: missing, or out of memory
+-- ModelError (ValueError)         a weights file is missing, damaged or of an unknown kind
+-- Cancelled                       the run was cancelled before its source ended

Each message names the value, the place and the remedy. Each class also
subclasses the builtin that fits, so that `except OSError` keeps working.
"""


class StreamfixError(Exception):
    """Base of every error streamfix raises on purpose."""

    def __str__(self) -> str:
        # LookupError and OSError format their arguments in their own ways; ours are always one sentence.
        return " ".join(str(part) for part in self.args)


class UsageError(StreamfixError, ValueError):
    """The request is wrong; nothing was started."""


class UnknownName(UsageError, LookupError):
    """There is nothing of that name; the message lists what there is."""


class BadOption(UsageError):
    """An option that does not exist, or a value that it cannot take."""


class InputError(StreamfixError, OSError):
    """An input cannot be opened or read."""


class DecodeError(InputError):
    """The input's data is damaged beyond what was allowed."""


class LoginRefused(InputError):
    """The server wants another user or password, or denies the access. Asked often, it may lock the account."""


class UnusableInput(InputError, UsageError):
    """The URL, an option or the transport is wrong: another attempt would meet the same error."""


class OutputError(StreamfixError, OSError):
    """An output cannot be opened or written."""


class IncompleteOutput(OutputError):
    """The run is over and one of its outputs lacks something; the others are complete."""


class FilterError(StreamfixError, RuntimeError):
    """A filter failed; `__cause__` is what it raised."""


class DeviceError(FilterError):
    """The device cannot do it: it is missing, or out of memory."""


class ModelError(StreamfixError, ValueError):
    """A weights file is missing, damaged or of an unknown kind."""


class Cancelled(StreamfixError):
    """The run was cancelled before its source ended."""


def let_go(error: BaseException | None) -> None:
    """Forget where an error that is kept came from.

    Its traceback holds the frames of all who called, and those their objects: decoders, encoders, files, pictures. One
    of these mostly holds the error, so that all of it waits for Python's collector of cycles.
    """
    known: set[int] = set()
    waiting = [error]
    while waiting:
        error = waiting.pop()
        if error is not None and id(error) not in known:
            known.add(id(error))
            error.__traceback__ = None
            waiting += [error.__cause__, error.__context__]
