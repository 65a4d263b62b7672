"""Models of more libraries for the atlas: their starts are read, and they are not part of the survey.

    pip install open-clip-torch ultralytics e3nn perceiver-pytorch ...       # any of them
    python benchmarks/atlas.py --only open-clip-torch/,ultralytics/

Each is small and made by its library's own constructor.  Nothing is run, so none needs a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

Make = Callable[[Any], Any]
"""From the library's module to a model."""
IMAGE = {"image_size": 32, "patch_size": 8, "width": 64, "head_width": 16, "layers": 2}
TEXT = {"context_length": 32, "vocab_size": 256, "width": 64, "heads": 4, "layers": 2}
LATENTS = {"depth": 2, "num_latents": 16, "latent_dim": 32}
TABLES = {"categories": (10, 5, 6), "num_continuous": 4, "dim": 32, "depth": 2, "heads": 4, "dim_out": 1}
MORE: tuple[tuple[str, str, dict[str, Make]], ...] = (
    ("open-clip-torch", "open_clip", {
        "CLIP": lambda m: m.CLIP(embed_dim=32, vision_cfg=IMAGE, text_cfg=TEXT)}),
    ("ultralytics", "ultralytics.nn.tasks", {
        name: lambda m, name=name: m.DetectionModel(f"{name}.yaml", nc=20, verbose=False)
        for name in ("yolov8n", "yolov10n", "yolo11n")}),
    ("e3nn", "e3nn.nn", {
        "FullyConnectedNet": lambda m: m.FullyConnectedNet([16, 64, 8], import_module("torch").relu)}),
    ("e3nn", "e3nn.o3", {"Linear": lambda m: m.Linear("32x0e + 8x1o", "16x0e + 8x1o")}),
    ("perceiver-pytorch", "perceiver_pytorch", {
        "Perceiver": lambda m: m.Perceiver(num_freq_bands=4, max_freq=10.0, num_classes=10, **LATENTS),
        "PerceiverIO": lambda m: m.PerceiverIO(dim=32, queries_dim=16, logits_dim=8, **LATENTS)}),
    ("tab-transformer-pytorch", "tab_transformer_pytorch", {
        "TabTransformer": lambda m: m.TabTransformer(**TABLES),
        "FTTransformer": lambda m: m.FTTransformer(**TABLES)}),
    ("linformer", "linformer", {
        "LinformerLM": lambda m: m.LinformerLM(num_tokens=128, dim=64, seq_len=32, depth=2, heads=4, k=16)}),
    ("conformer", "conformer", {"Conformer": lambda m: m.Conformer(64, depth=2, dim_head=16, heads=4)}),
    ("efficientnet-pytorch", "efficientnet_pytorch", {
        "efficientnet-b0": lambda m: m.EfficientNet.from_name("efficientnet-b0", num_classes=10)}),
    ("pytorchcv", "pytorchcv.model_provider", {
        name: lambda m, name=name: m.get_model(name)
        for name in ("resnet10", "mobilenet_w1", "shufflenetv2_wd2")}),
    ("geffnet", "geffnet", {
        name: lambda m, name=name: getattr(m, name)() for name in ("mobilenetv3_small_100", "mnasnet_a1")}),
    ("kornia", "kornia.feature", {
        name: lambda m, name=name: getattr(m, name)(pretrained=False)
        for name in ("HardNet", "SOSNet", "HyNet")}),
    ("fastai", "fastai.vision.models.xresnet", {"xresnet18": lambda m: m.xresnet18(n_out=10)}),
    ("fastai", "fastai.tabular.model", {
        "TabularModel": lambda m: m.TabularModel([(10, 6), (5, 3)], n_cont=4, out_sz=2, layers=[64, 32])}),
    ("axial-positional-embedding", "axial_positional_embedding", {
        "AxialPositionalEmbedding": lambda m: m.AxialPositionalEmbedding(64, (8, 8))}),
)  # fmt: skip


def more() -> Iterator[tuple[str, str, Callable[[], Any]]]:
    """(name, library, constructor)."""
    for library, module, rows in MORE:
        for name, make in rows.items():
            yield f"{library}/{name}", library, lambda module=module, make=make: make(import_module(module))
