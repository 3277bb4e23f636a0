"""What the benchmarks reckon with: operations by formula, straight lines, equal parts, plain engines."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import BertConfig, BertModel, LlamaConfig, LlamaForCausalLM

from shared import registry
from shared.job import StageName
from shared.settings import Settings
from tests.benchmarks import bursts, chart, limit
from worker.clinical import outline


def test_the_operations_of_an_encoder_are_those_that_torch_counts():
    shape = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 128}
    encoder = BertModel(BertConfig(vocab_size=50, **shape), add_pooling_layer=False).eval()
    encoder.set_attn_implementation("eager")
    with FlopCounterMode(display=False) as counted, torch.no_grad():
        encoder(input_ids=torch.ones(4, 20, dtype=torch.long))
    assert limit.encoder_ops(4, 20, 32, layers=3) == pytest.approx(counted.get_total_flops(), rel=0.01)


def test_the_weights_of_a_llama_are_counted_from_its_configuration():
    shape = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 6, "intermediate_size": 96}
    config = LlamaConfig(vocab_size=100, num_key_value_heads=2, tie_word_embeddings=True, **shape)
    own = sum(each.numel() for name, each in LlamaForCausalLM(config).named_parameters() if "norm" not in name)
    assert limit.weights(config.to_dict()) == pytest.approx(own, rel=0.01)


def test_points_on_a_line_are_straight_and_a_parabola_is_not(tmp_path):
    line = chart.draw(tmp_path / "a.svg", "A <b>", "x", "y", [1, 10, 100], [3.0, 21.0, 201.0])
    assert (line.slope, line.start, line.r2) == (pytest.approx(2.0), pytest.approx(1.0), pytest.approx(1.0))
    assert chart.fit([1, 10, 100], [1.0, 100.0, 10_000.0]).r2 < 0.999
    drawn = (tmp_path / "a.svg").read_text()
    assert drawn.count("<circle") == 3
    assert "A &lt;b&gt;" in drawn


def test_the_burst_is_the_same_each_time_and_a_sample_of_it_is_like_it():
    every = bursts.texts()
    assert every == bursts.texts()
    assert len(set(every)) == bursts.JOBS
    few = bursts.sample(every, 12)
    assert len(set(few)) == 12
    assert set(few) <= set(every)
    for kind in (True, False):
        of_all, of_few = (
            sum(len(each.text or "") for each in bursts.cases_of(these) if outline.is_talk(each) is kind) / len(these)
            for these in (every, few)
        )
        assert of_few == pytest.approx(of_all, rel=0.1)


def test_the_plain_pipeline_has_the_weights_of_ours():
    settings = Settings(profile="embedded")
    manifest = registry.read(settings.manifest)
    plain = bursts.reference(manifest, settings)
    assert plain[StageName.EXTRACT] == plain[StageName.CLASSIFY] == "bert"
    ours = registry.plan(manifest, "embedded", settings.models_dir)
    for stage, model in registry.plan(manifest, "embedded", settings.models_dir, plain).items():
        assert (model.name, model.adapter) == (ours[stage].name, ours[stage].adapter)
        if stage in bursts.TEXT_STAGES:
            assert model.engine in bursts.REFERENCE
