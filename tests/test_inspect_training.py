"""The Monitor inside the real frameworks: transformers' Trainer, Lightning, TensorBoard."""

from __future__ import annotations

import warnings

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import isogain.torch as igt  # noqa: E402

X = torch.randn(64, 16, generator=torch.Generator().manual_seed(0))
Y = torch.randint(0, 10, (64,), generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True)
def quiet():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        yield
    torch.set_num_threads(before)


def steps(monitor):
    return [snapshot.step for snapshot in monitor.snapshots]


def net():
    return nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 10))


def test_in_a_transformers_trainer(tmp_path):
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    ids = torch.randint(3, 100, (32, 12))
    config = transformers.GPT2Config(
        vocab_size=100, n_embd=32, n_layer=2, n_head=4, n_positions=64, bos_token_id=1, eos_token_id=2
    )
    callback = igt.HuggingFaceMonitor({"input_ids": ids[:4], "labels": ids[:4]}, page=tmp_path / "page.html")
    arguments = transformers.TrainingArguments(
        output_dir=str(tmp_path), per_device_train_batch_size=4, max_steps=5, gradient_accumulation_steps=2,
        report_to=[], use_cpu=True, logging_strategy="no", save_strategy="no", disable_tqdm=True,
    )  # fmt: skip
    transformers.Trainer(
        model=transformers.GPT2LMHeadModel(config), args=arguments, callbacks=[callback],
        train_dataset=[{"input_ids": row, "labels": row} for row in ids],
    ).train()  # fmt: skip
    assert steps(callback.monitor) == [0, 1, 2, 4, 5]
    measured = [one.update_to_data for one in callback.monitor.snapshots]
    assert all(measured[1:4])
    assert all(-8 < value < 0 for found in measured[1:4] for value in found.values())
    assert (tmp_path / "page.html").stat().st_size > 20_000


def test_in_lightning_with_its_own_tensorboard_logger(tmp_path):
    lightning = pytest.importorskip("lightning.pytorch")
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    from lightning.pytorch.loggers import TensorBoardLogger

    class Net(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = net()

        def forward(self, x):
            return self.net(x)

        def training_step(self, batch, index):
            return F.cross_entropy(self(batch[0]), batch[1])

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 0.1)

    callback = igt.LightningMonitor(
        X[:32], lambda out: F.cross_entropy(out, Y[:32]), page=tmp_path / "page.html"
    )
    trainer = lightning.Trainer(
        max_epochs=2, accumulate_grad_batches=2, callbacks=[callback], logger=TensorBoardLogger(tmp_path),
        enable_progress_bar=False, enable_model_summary=False, enable_checkpointing=False, accelerator="cpu",
        default_root_dir=tmp_path,
    )  # fmt: skip
    data = torch.utils.data.TensorDataset(X, Y)
    trainer.fit(Net(), torch.utils.data.DataLoader(data, 8))
    assert trainer.global_step == 8
    assert steps(callback.monitor) == [0, 1, 2, 4, 8]
    assert (tmp_path / "page.html").exists()
    (log,) = tmp_path.glob("lightning_logs/version_0/events*")
    read = events.EventAccumulator(str(log.parent))
    read.Reload()
    assert [one.step for one in read.Scalars("isogain/loss")] == [0, 1, 2, 4, 8]


def test_scalars_reach_a_summary_writer(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from torch.utils.tensorboard import SummaryWriter

    model, writer = net(), SummaryWriter(tmp_path)
    monitor = igt.Monitor(model, X, lambda out: F.cross_entropy(out, Y), writer=writer)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for _ in range(4):
        optimizer.zero_grad()
        F.cross_entropy(model(X), Y).backward()
        optimizer.step()
        monitor.step()
    writer.close()
    read = EventAccumulator(str(tmp_path))
    read.Reload()
    wanted = {"loss", "last_signal", "first_gradient", "critical", "warning", "update_to_data"}
    assert set(read.Tags()["scalars"]) == {f"isogain/{name}" for name in wanted}
    assert [one.step for one in read.Scalars("isogain/update_to_data")] == [1, 2, 4]


def test_a_writer_of_ones_own_in_a_callback():
    pytest.importorskip("transformers")
    seen = []

    class Writer:
        def add_scalar(self, tag, value, step):
            seen.append(tag)

    callback = igt.HuggingFaceMonitor(X, writer=Writer())
    callback.on_train_begin(None, None, None, model=net())
    assert "isogain/loss" in seen
