"""Turn a GGUF file into a folder that transformers loads at once; run as `python -m worker.convert FOLDER GGUF`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def convert(folder: Path, gguf: str) -> None:
    """Write safetensors, tokenizer and chat template beside the GGUF file; half a conversion leaves nothing in use.

    Reading GGUF at each start would cost some 20 CPU-seconds each time. The weights are float32, because such a file
    is mapped into memory as it is: several workers on one machine share its pages (float16 is half the disk, but each
    worker would hold 540 MB of its own).
    """
    part = folder / ".converting"
    shutil.rmtree(part, ignore_errors=True)
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=gguf, dtype=torch.float32)
    # save_pretrained would write GGUF again, which transformers cannot: the weights are plain numbers by now.
    vars(model).pop("hf_quantizer")
    del model.config.quantization_config
    model.save_pretrained(part)
    AutoTokenizer.from_pretrained(folder, gguf_file=gguf).save_pretrained(part)
    # config.json goes last: where it is, all the others are.
    for file in sorted(part.iterdir(), key=lambda each: each.name == "config.json"):
        file.chmod(0o644)  # the worker may run as another user than the one that pulled
        file.replace(folder / file.name)
    part.rmdir()


if __name__ == "__main__":
    convert(Path(sys.argv[1]), sys.argv[2])
