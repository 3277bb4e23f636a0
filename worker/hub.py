"""Fetches a model from the Hugging Face hub, files of data alone: nothing that could run code."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import httpx
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError

from shared.errors import ModelUnavailableError


def fetch(hub_id: str, folder: Path, patterns: Sequence[str], *, revision: str | None = None) -> None:
    """Bring the files of a repository that fit the patterns into a folder; what an earlier try has brought stays.

    The address and a token come from HF_ENDPOINT and HF_TOKEN. Raises ModelUnavailableError, which says what to do.
    """
    try:
        snapshot_download(hub_id, revision=revision, local_dir=folder, allow_patterns=list(patterns))
    except (HfHubHTTPError, HFValidationError) as error:
        raise ModelUnavailableError(
            f"the hub does not give {hub_id}: no such model or revision, or it wants HF_TOKEN"
        ) from error
    except (httpx.TransportError, OSError) as error:
        raise ModelUnavailableError(
            f"this machine does not reach the hub: on one that does, run `hf download {hub_id} --local-dir FOLDER`, "
            "bring FOLDER here, and `clinq models add FOLDER`"
        ) from error
