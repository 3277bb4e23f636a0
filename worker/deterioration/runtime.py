"""The exported network on ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime  # type: ignore[import-untyped]  # it ships no types
from numpy.typing import NDArray

from shared.errors import ModelUnavailableError

MODEL_FILE = "model.onnx"


class Runtime:
    """One session; several patients may share a call."""

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        """Read the network; raises ModelUnavailableError when the file is missing or damaged."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's errors have no common parent of their own
            raise ModelUnavailableError(
                f"{path.parent.name}/{path.name} cannot be read: install clinq again"
            ) from error

    def risks(self, steps: NDArray[np.float32]) -> NDArray[np.float32]:
        """(patients, steps, channels) -> (patients, days ahead): probability by the end of each day."""
        [found] = self._session.run(None, {"steps": steps})
        return np.asarray(found, dtype=np.float32)
