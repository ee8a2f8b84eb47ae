"""What can go wrong, and the exit code that says so."""


class GanzooError(Exception):
    """An error that a user can act on: it says what was given, what is allowed and what to do."""

    exit_code = 1


class UsageError(GanzooError):
    """Something asked for does not exist, is out of range or does not fit together."""

    exit_code = 2


class MisfitError(UsageError):
    """Two parts of a recipe cannot play together; the message names both and the reason."""


class DataError(GanzooError):
    """Data are missing, damaged or unusable."""

    exit_code = 3


class CheckpointError(GanzooError):
    """A saved file is damaged, foreign or does not belong to these networks."""

    exit_code = 4


class PluginError(GanzooError):
    """A component from an installed package is broken or breaks its contract."""

    exit_code = 5


class DivergedError(GanzooError):
    """Training produced a number that is not finite."""

    exit_code = 6


class ResourceError(GanzooError):
    """The disk or the memory is full."""

    exit_code = 7


class PeerError(ResourceError):
    """Another rank of the run has ended or cannot be reached."""


class BusyError(GanzooError):
    """Another process is using the run directory."""

    exit_code = 8


class Interrupted(GanzooError):
    """The user pressed Ctrl-C; what had been trained is saved."""

    exit_code = 130


class Terminated(GanzooError):
    """The system asked the process to stop (SIGTERM); what had been trained is saved."""

    exit_code = 143
