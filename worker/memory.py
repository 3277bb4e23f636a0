"""Out of memory: how it is recognised, what frees memory again, and how many cases one call may take afterwards."""

from __future__ import annotations

import gc
import sys
import traceback

from shared.errors import PermanentError, RetryableError

WORDS = (
    "out of memory",  # torch, CUDA, CTranslate2 ("CUDA failed with error out of memory")
    "alloc_failed",  # CUBLAS_STATUS_ALLOC_FAILED, CUDNN_STATUS_ALLOC_FAILED
    "memoryallocation",  # cudaErrorMemoryAllocation
    "failed to allocate memory",  # CTranslate2 and ONNX Runtime on a CPU
    "can't allocate memory",  # torch on a CPU
    "bad allocation",
    "bad_alloc",
)
GROW_AFTER = 10  # calls that went well before twice as many cases are tried again


class OutOfMemoryError(RetryableError):
    """One case alone did not fit into memory."""

    code = "out_of_memory"


def ran_out(error: BaseException) -> bool:
    """Whether this error, or what it was raised from, says that there was no memory left.

    Libraries say it by a type of their own or by words alone: no model library is imported to ask.
    """
    if isinstance(error, PermanentError):
        return False
    torch = sys.modules.get("torch")  # who has not imported it raises nothing of it
    if isinstance(error, MemoryError) or (torch is not None and isinstance(error, torch.OutOfMemoryError)):
        return True
    if isinstance(error, RuntimeError) and any(word in str(error).lower() for word in WORDS):
        return True
    return error.__cause__ is not None and ran_out(error.__cause__)


def let_go(error: BaseException) -> None:
    """Free what the failed call still holds: the tensors in its frames, and torch's cache of GPU memory."""
    failed: BaseException | None = error
    while failed is not None:
        traceback.clear_frames(failed.__traceback__)
        failed = failed.__cause__ or failed.__context__
    free()


def free() -> None:
    """Give back what nobody refers to any more."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()


class Room:
    """How many cases one call of a stage may take: half as many when memory runs out, more again after a while."""

    def __init__(self, most: int) -> None:
        self._most = max(most, 1)
        self.cases = self._most
        self._went_well = 0

    def halve(self, cases: int) -> None:
        """So many cases were too many."""
        self.cases = max(1, cases // 2)
        self._went_well = 0

    def went_well(self, cases: int) -> None:
        """So many cases fitted; when the room is used in full for a while, twice as many may be tried."""
        if cases < self.cases or self.cases == self._most:
            return
        self._went_well += 1
        if self._went_well >= GROW_AFTER:
            self.cases, self._went_well = min(2 * self.cases, self._most), 0
