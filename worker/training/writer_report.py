"""What a trained writer leaves: its adapter in float16, a report and a model card."""

from __future__ import annotations

import json
from pathlib import Path

from peft import PeftModel, get_peft_model_state_dict
from safetensors.torch import save_file

REPORT_FILE = "report.json"
CARD_FILE = "README.md"


def write(model: PeftModel, folder: Path, base: Path, figures: dict[str, object]) -> None:
    """Write the adapter (float16), its configuration without any path, report.json and README.md into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    config = model.peft_config["default"]
    config.base_model_name_or_path = base.name
    config.inference_mode = True
    config.save_pretrained(str(folder))
    learnt = {
        name: value.detach().half().contiguous()
        for name, value in get_peft_model_state_dict(model, save_embedding_layers=False).items()
    }
    save_file(learnt, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    (folder / "adapter_model.safetensors").chmod(0o644)  # the worker that reads it is another user
    (folder / REPORT_FILE).write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    (folder / CARD_FILE).write_text(_card(figures), encoding="utf-8")


def _card(figures: dict[str, object]) -> str:
    words = Path(__file__).with_name(f"{figures['task']}_card.md").read_text(encoding="utf-8")
    rows = "\n".join(f"| {name} | {value} |" for name, value in figures.items() if name != "plan")
    return words.format(rows=rows, base=figures["base"])
