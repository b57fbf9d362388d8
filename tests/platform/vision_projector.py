"""A projector (mmproj) for a vision model, of random numbers: its pictures say nothing, but they go all the way.

No vision model comes in any package. This one gives the chat model that ships 16 tokens for each picture, in the manner of
LLaVA: what it makes of them is noise, yet another noise for each picture.
"""

from pathlib import Path

import numpy as np
from gguf import GGUFWriter

SIDE, PATCH, WIDTH, HIDDEN, LAYERS, HEADS = 56, 14, 32, 64, 2, 2
PICTURE_TOKENS = (SIDE // PATCH) ** 2
TEXT_WIDTH = 576
"""Of SmolLM2-135M."""


def write_projector(path: Path) -> Path:
    """The same file each time."""
    writer = GGUFWriter(path, "clip")
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_bool("clip.use_gelu", True)
    writer.add_string("clip.projector_type", "mlp")
    numbers = {
        "image_size": SIDE,
        "patch_size": PATCH,
        "embedding_length": WIDTH,
        "feed_forward_length": HIDDEN,
        "block_count": LAYERS,
        "projection_dim": TEXT_WIDTH,
        "attention.head_count": HEADS,
    }
    for name, number in numbers.items():
        writer.add_uint32(f"clip.vision.{name}", number)
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", 1e-5)
    writer.add_array("clip.vision.image_mean", [0.5, 0.5, 0.5])
    writer.add_array("clip.vision.image_std", [0.5, 0.5, 0.5])
    random = np.random.default_rng(0)
    for name, shape in _tensors().items():
        writer.add_tensor(name, (random.standard_normal(shape) * 0.2).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _tensors() -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {
        "v.patch_embd.weight": (WIDTH, 3, PATCH, PATCH),
        "v.patch_embd.bias": (WIDTH,),
        "v.class_embd": (WIDTH,),
        "v.position_embd.weight": (PICTURE_TOKENS + 1, WIDTH),
        "mm.0.weight": (TEXT_WIDTH, WIDTH),
        "mm.0.bias": (TEXT_WIDTH,),
        "mm.2.weight": (TEXT_WIDTH, TEXT_WIDTH),
        "mm.2.bias": (TEXT_WIDTH,),
    }
    norms = ["v.pre_ln", "v.post_ln"]
    for layer in range(LAYERS):
        block = f"v.blk.{layer}"
        norms += [f"{block}.ln1", f"{block}.ln2"]
        for name in ("attn_q", "attn_k", "attn_v", "attn_out"):
            shapes |= {f"{block}.{name}.weight": (WIDTH, WIDTH), f"{block}.{name}.bias": (WIDTH,)}
        shapes |= {f"{block}.ffn_up.weight": (HIDDEN, WIDTH), f"{block}.ffn_up.bias": (HIDDEN,)}
        shapes |= {f"{block}.ffn_down.weight": (WIDTH, HIDDEN), f"{block}.ffn_down.bias": (WIDTH,)}
    return shapes | {f"{norm}.{part}": (WIDTH,) for norm in norms for part in ("weight", "bias")}
