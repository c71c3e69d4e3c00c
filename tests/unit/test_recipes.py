"""Recipes are named, frozen values."""

from dataclasses import FrozenInstanceError

import pytest

from common.artifact import ArtifactError
from quantization.build.mixture import Layout, tensor_type
from quantization.recipes import RECIPES, find_recipe
from worker.engines.settings import Quantization

LLAMA_7B = Layout(layers=32, grouped=1, tied=False)


def test_every_recipe_of_the_workshop_is_there() -> None:
    names = "fp16 fp32 bf16 int8 nf4 int4-fast fp4 nf4-dq q8_0 q4_0 q4_1 q4_k_m"
    assert list(RECIPES) == names.split()


def test_a_recipe_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        RECIPES["int8"].bits = 7  # type: ignore[misc]


def test_the_engine_knows_every_recipe_that_it_is_to_serve() -> None:
    ours = [recipe.name for recipe in RECIPES.values() if not recipe.is_gguf]
    assert [Quantization(name).value for name in ours] == ours


@pytest.mark.parametrize(
    ("name", "meant"), [("q4km", "q4_k_m"), ("int-8", "int8"), ("Q8", "q8_0"), ("nf4dq", "nf4-dq")]
)
def test_a_name_that_is_wrong_gets_the_nearest_one(name: str, meant: str) -> None:
    with pytest.raises(ArtifactError, match=f"Did you mean {meant}\\?"):
        find_recipe(name)


def test_case_does_not_matter_and_int4_is_nf4() -> None:
    assert find_recipe("Q4_K_M").name == "q4_k_m"
    assert find_recipe("int4").name == "nf4"
    assert find_recipe("INT4-fast").name == "int4-fast"


@pytest.mark.parametrize(
    ("tensor", "shape", "kind"),
    [
        ("output.weight", (32000, 4096), "Q6_K"),
        ("token_embd.weight", (32000, 4096), "Q4_K"),
        ("blk.0.attn_v.weight", (4096, 4096), "Q6_K"),
        ("blk.4.attn_v.weight", (4096, 4096), "Q4_K"),
        ("blk.6.ffn_down.weight", (4096, 11008), "Q6_K"),
        ("blk.28.ffn_down.weight", (4096, 11008), "Q6_K"),
        ("blk.5.ffn_gate.weight", (11008, 4096), "Q4_K"),
        ("blk.5.attn_norm.weight", (4096,), "F32"),
    ],
)
def test_q4_k_m_of_llama_2_has_the_types_of_llama_cpp(
    tensor: str, shape: tuple[int, ...], kind: str
) -> None:
    assert tensor_type(tensor, shape, "Q4_K_M", LLAMA_7B).name == kind


@pytest.mark.parametrize(
    ("tensor", "columns", "kind"),
    [
        ("blk.4.attn_q.weight", 576, "Q5_0"),
        ("blk.0.attn_v.weight", 576, "Q8_0"),
        ("blk.4.ffn_down.weight", 1536, "Q4_K"),
        ("token_embd.weight", 576, "Q8_0"),
        ("blk.4.attn_q.weight", 100, "F16"),
    ],
)
def test_rows_that_k_quants_do_not_fit_get_an_older_type(
    tensor: str, columns: int, kind: str
) -> None:
    smollm = Layout(layers=30, grouped=3, tied=True)
    assert tensor_type(tensor, (64, columns), "Q4_K_M", smollm).name == kind
