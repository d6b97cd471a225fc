"""Exit codes of the command."""

from __future__ import annotations

DONE, INTERNAL_ERROR, WRONG_CALL, FAILED_IN_PART, INTERRUPTED = 0, 1, 2, 3, 130
