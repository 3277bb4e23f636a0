"""The network: an LSTM over the steps, and for each of three days the hazard that the patient deteriorates in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from shared.errors import ModelUnavailableError
from worker.deterioration.steps import CHANNELS

HIDDEN = 48
AHEAD_DAYS = 3
WEIGHTS_FILE = "model.safetensors"


class DeteriorationLSTM(nn.Module):
    """LSTM (Hochreiter and Schmidhuber 1997) with discrete-time hazards (Gensheimer and Narasimhan 2019, PeerJ)."""

    def __init__(self, hidden: int = HIDDEN) -> None:
        super().__init__()
        self.lstm = nn.LSTM(CHANNELS, hidden, batch_first=True)
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(hidden, AHEAD_DAYS)

    def logits(self, steps: Tensor) -> Tensor:
        """(patients, steps, channels) -> (patients, days): log odds of each day, if the days before went well."""
        _, (state, _) = self.lstm(steps)
        found: Tensor = self.head(self.drop(state[-1]))
        return found

    def forward(self, steps: Tensor) -> Tensor:
        """(patients, steps, channels) -> (patients, days ahead): probability of deterioration by the day's end."""
        stays = torch.cumsum(nn.functional.logsigmoid(-self.logits(steps)), dim=-1)  # ONNX has no cumprod
        return 1.0 - torch.exp(stays)

    @torch.inference_mode()
    def risks(self, steps: NDArray[np.float32]) -> NDArray[np.float32]:
        """The same from and to NumPy."""
        found: NDArray[np.float32] = self(torch.from_numpy(steps)).numpy()
        return found


def write(model: DeteriorationLSTM, folder: Path) -> None:
    """Save the weights as safetensors."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, folder / WEIGHTS_FILE)


def read(folder: Path) -> DeteriorationLSTM:
    """The trained network; raises ModelUnavailableError when its weights are missing or do not fit."""
    model = DeteriorationLSTM()
    try:
        model.load_state_dict(load_file(folder / WEIGHTS_FILE))
    except (OSError, RuntimeError, KeyError, SafetensorError) as error:
        raise ModelUnavailableError(f"the weights in {folder.name} cannot be read: install clinq again") from error
    return model.eval()
