"""`translate` and `default`: the same law in another framework, held against the frameworks' own layers."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import isogain as ig
from conformance import check_alike
from isogain.core.geometry.layout import implied
from isogain.core.names.frameworks import FRAMEWORKS
from isogain.errors import InitializerError

INPUTS, OUTPUTS = 400, 320


@pytest.mark.parametrize("to", FRAMEWORKS)
@pytest.mark.parametrize("own", FRAMEWORKS)
def test_every_pair_of_dialects_says_something_true(own, to):
    """Exact means the same std at a size that was not looked at, nearest says what differs."""
    names = {"torch": "torch.kaiming_uniform_", "keras": "keras.GlorotUniform", "jax": "jax.glorot_uniform", "equinox": "equinox.nn.Linear.weight", "haiku": "haiku.VarianceScaling",
             "sonnet": "sonnet.VarianceScaling", "tf": "tf.glorot_uniform_initializer", "paddle": "paddle.XavierUniform",
             "mindspore": "mindspore.XavierUniform", "mlx": "mlx.glorot_uniform", "mxnet": "mxnet.Xavier", "chainer": "chainer.GlorotUniform",
             "nnabla": "nnabla.NormalInitializer", "caffe": "caffe.xavier", "timm": "timm.variance_scaling_", "pyg": "pyg.inits.glorot",
             "mmengine": "mmengine.KaimingInit", "tinygrad": "tinygrad.glorot_uniform", "thinc": "thinc.glorot_uniform_init",
             "isogain": "glorot_uniform"}  # fmt: skip
    found = ig.translate(names[own], to=to)
    assert found.exact == (found.difference == "")
    sizes = {"out in": (70, 90), "in out": (90, 70)}
    ours = ig.get(names[own]).law(sizes[FRAMEWORKS[own].matrix], layout=implied(FRAMEWORKS[own].matrix))
    theirs = found.initializer.law(sizes[found.layout], layout=implied(found.layout))
    if found.exact:
        assert theirs.std == pytest.approx(ours.std, rel=1e-9)
        assert theirs.bounds == pytest.approx(ours.bounds, rel=1e-9)
    else:
        assert theirs.kind != ours.kind or theirs.std != pytest.approx(ours.std, rel=1e-6)


@pytest.mark.parametrize(
    ("name", "told", "to", "call"),
    [
        ("torch.kaiming_uniform_", {"a": math.sqrt(5)}, "paddle",
         "paddle.nn.initializer.KaimingUniform(negative_slope=2.236067977, nonlinearity='leaky_relu')"),
        ("torch.kaiming_uniform_", {"a": math.sqrt(5)}, "mlx", "mlx.nn.init.he_uniform()(w, gain=0.5773502692)"),
        ("keras.HeNormal", {}, "jax", "jax.nn.initializers.he_normal()"),
        ("mlx.he_normal", {}, "torch", "torch.nn.init.kaiming_normal_(w, nonlinearity='linear')"),
        ("torch.normal_", {"std": 0.02}, "mindspore", "mindspore.common.initializer.Normal(sigma=0.02)"),
        ("torch.trunc_normal_", {"std": 0.02}, "keras", "keras.initializers.RandomNormal(stddev=0.02)"),
        ("torch.zeros_", {}, "keras", "keras.initializers.Zeros()"),
        ("torch.orthogonal_", {"gain": 2.0}, "haiku", "haiku.initializers.Orthogonal(scale=2)"),
        ("caffe.msra", {"variance_norm": "AVERAGE"}, "mxnet", "mxnet.initializer.MSRAPrelu(slope=0)"),
    ],
)  # fmt: skip
def test_calls_that_are_known(name, told, to, call):
    found = ig.translate(name, to=to, **told)
    assert found.exact
    assert found.call == call


def test_what_differs_is_said():
    found = ig.translate("keras.HeNormal", to="torch")
    assert not found.exact
    assert found.difference == "normal instead of truncated normal"
    found = ig.translate("fastai.Embedding.weight", to="torch")
    assert (found.exact, found.initializer.law((9, 9)).std) == (False, pytest.approx(0.00865886, rel=1e-4))
    assert "1.732 times as wide" in ig.translate("torch.kaiming_uniform_", a=5**0.5, to="caffe").difference


def test_a_shape_allows_numbers():
    found = ig.translate("keras.HeNormal", to="torch", shape=(784, 512))
    assert found.where == "at this shape"
    sigma = math.sqrt(2 / 784) / 0.87962566103423978
    law = found.initializer.law((512, 784), layout="out in")
    assert (law.scale, *law.bounds) == pytest.approx((sigma, -2 * sigma, 2 * sigma))


def test_a_layout_is_read_as_the_framework_reads_it():
    """torch takes the outputs of an (in, out) weight for inputs; the twin has to as well."""
    found = ig.translate("torch.kaiming_normal_", nonlinearity="relu", layout="in out", to="keras")
    assert found.exact
    assert found.initializer.law((300, 100), layout="in out").std == pytest.approx(math.sqrt(2 / 100))


def test_transposed_kernels_lie_elsewhere():
    found = ig.translate("torch.nn.ConvTranspose2d.weight", to="keras", transposed=True)
    assert found.layout == "* out in"
    assert found.initializer.law((3, 3, 50, 20), layout=implied("* out in")).std == pytest.approx(
        math.sqrt(1 / 3 / (9 * 50))
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"name": "torch.kaiming_uniform_", "to": "padle"}, "did you mean 'paddle'"),
        ({"name": "torch.nope_", "to": "keras"}, "no initializer is called"),
        ({"name": "torch.normal_", "to": 3}, "to is one of"),
    ],
)
def test_wrong_arguments(arguments, words):
    with pytest.raises(InitializerError, match=words):
        ig.translate(**arguments)


class TestDefault:
    def test_linear(self):
        start = ig.default("torch.nn.Linear", in_features=256)
        assert start.weight.law((10, 256)).bounds == pytest.approx((-1 / 16, 1 / 16))
        assert start.bias == ig.Uniform(-1 / 16, 1 / 16)
        assert list(start) == ["weight", "bias"]
        assert start.layout("weight") == "out in"

    def test_a_missing_size_is_named(self):
        with pytest.raises(InitializerError, match=r"in_channels=\.\.\., kernel_size=\.\.\."):
            _ = ig.default("torch.nn.Conv2d").bias

    def test_short_and_wrong_names(self):
        assert ig.default("keras.Dense").name == "keras.layers.Dense"
        with pytest.raises(InitializerError, match=r"did you mean 'torch.nn.Linear'"):
            ig.default("torch.nn.Linaer")
        with pytest.raises(InitializerError, match="a layer is a name"):
            ig.default(3)

    def test_attention_by_its_equation(self):
        start = ig.default("keras.layers.MultiHeadAttention", num_heads=8, key_dim=64)
        assert start["query_dense.kernel"].law((512, 8, 64)).bounds[1] == pytest.approx(math.sqrt(6 / 1024))

    def test_it_prints(self):
        assert "U(±1/√in)" in str(ig.default("torch.nn.Linear"))
        assert "<table>" in ig.default("torch.nn.Linear")._repr_html_()


def built(framework: str, call: str) -> np.ndarray:
    """The weight of a dense layer of a framework that is built with this call."""
    if framework == "torch":
        torch = pytest.importorskip("torch")
        torch.manual_seed(1)
        layer = torch.nn.Linear(INPUTS, OUTPUTS)
        eval(call, {"torch": torch, "w": layer.weight})
        return layer.weight.detach().numpy()
    if framework == "keras":
        keras = pytest.importorskip("keras")
        keras.utils.set_random_seed(2)
        layer = keras.layers.Dense(OUTPUTS, kernel_initializer=eval(call, {"keras": keras}))
        layer.build((1, INPUTS))
        return keras.ops.convert_to_numpy(layer.kernel)
    jax = pytest.importorskip("jax")
    if framework == "jax":
        nnx = pytest.importorskip("flax.nnx")
        layer = nnx.Linear(INPUTS, OUTPUTS, kernel_init=eval(call, {"jax": jax}), rngs=nnx.Rngs(3))
        return np.asarray(layer.kernel[...])
    haiku = pytest.importorskip("haiku")
    make = haiku.transform(lambda x: haiku.Linear(OUTPUTS, w_init=eval(call, {"haiku": haiku}))(x))
    (parameters,) = make.init(jax.random.PRNGKey(4), np.zeros((1, INPUTS), "float32")).values()
    return np.asarray(parameters["w"])


LAWS = [("torch.kaiming_uniform_", {"a": math.sqrt(5)}), ("keras.GlorotUniform", {}), ("keras.LecunNormal", {}),
        ("torch.kaiming_normal_", {"nonlinearity": "relu"}), ("torch.normal_", {"std": 0.02}), ("haiku.Linear.w", {}),
        ("torch.nn.Linear.weight", {})]  # fmt: skip


@pytest.mark.parametrize(("name", "told"), LAWS)
def test_layers_built_from_translated_calls_start_alike(name, told):
    """Every pair of the frameworks whose call is exact: mean, spread and shape of the two samples."""
    weights = {}
    for framework in ("torch", "keras", "jax", "haiku"):
        found = ig.translate(name, to=framework, **told)
        if found.exact:
            weights[framework] = built(framework, found.call)
    assert len(weights) >= 2
    for one, other in itertools.combinations(weights.values(), 2):
        check_alike(one, other)


def test_the_two_sample_test_can_fail():
    call = ig.translate("torch.kaiming_normal_", nonlinearity="relu", to="torch").call
    weight = built("torch", call)
    with pytest.raises(AssertionError):
        check_alike(weight, 1.02 * weight)
