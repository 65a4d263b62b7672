"""Programs that tests run in a process of their own, one for each backend of Keras."""

BITS = """
import hashlib, os, sys, tempfile
import keras, numpy as np, isogain as ig
from isogain.keras import IsogainInitializer, initializers, to_keras
assert keras.backend.backend() == sys.argv[1]
L, init, digest = keras.layers, to_keras("lecun_normal", seed=3), hashlib.sha256()
numbers = lambda v: keras.ops.convert_to_numpy(v.value)

class Block(L.Layer):
    def __init__(self, **keywords):
        super().__init__(**keywords)
        self.a = L.Conv2D(8, 3, groups=2, kernel_initializer=init, name="a")
        self.b = L.DepthwiseConv2D(3, depthwise_initializer=init, name="b")
    def call(self, x):
        return self.b(self.a(x))

source = keras.Input((12, 12, 4))
x = Block(name="block")(source)
x = L.Conv2DTranspose(6, 4, strides=2, kernel_initializer=init, name="up")(x)
x = L.Reshape((-1, 6))(x)
x = L.MultiHeadAttention(2, 4, kernel_initializer=init, name="attention")(x, x)
x = L.LSTM(5, kernel_initializer=init, recurrent_initializer=init, name="lstm")(x)
x = L.Dense(7, kernel_initializer=init, name="first")(x)
x = L.Dense(7, kernel_initializer=init, name="second")(x)
x = L.Dense(3, kernel_initializer=initializers.HeNormal(seed=5), name="named")(x)
model = keras.Model(source, x)
usage = {
    "block/a/kernel": {"groups": 2}, "block/b/kernel": {"layout": "* group out"},
    "up/kernel": {"layout": "* out in", "stride": 2, "transposed": True},
    "attention/query/kernel": {"layout": "in out out"}, "attention/key/kernel": {"layout": "in out out"},
    "attention/value/kernel": {"layout": "in out out"}, "attention/attention_output/kernel": {"layout": "in in out"},
    "lstm/lstm_cell/kernel": {"layout": "in (4 out)"}, "lstm/lstm_cell/recurrent_kernel": {"layout": "in (4 out)"},
    "first/kernel": {}, "second/kernel": {},
}
drawn = {v.path: v for v in model.variables if "kernel" in v.path}
assert set(drawn) == {*usage, "named/kernel"}, sorted(drawn)
for path, how in usage.items():
    expected = ig.draw("lecun_normal", drawn[path].shape, seed=3, path=path, **how)
    assert numbers(drawn[path]).tobytes() == expected.tobytes(), path
    digest.update(expected.tobytes())
assert numbers(drawn["named/kernel"]).tobytes() == ig.draw("keras.HeNormal", (7, 3), seed=5, path="named/kernel").tobytes()
assert not np.array_equal(numbers(drawn["first/kernel"]), numbers(drawn["second/kernel"]))

place = os.path.join(tempfile.mkdtemp(), "model.keras")
keras.Sequential([keras.Input((7,)), L.Dense(7, kernel_initializer=init, name="first"),
                  L.Dense(3, kernel_initializer=initializers.HeNormal(seed=5), name="named")]).save(place)
again = keras.models.load_model(place)
first, named = (again.get_layer(name).kernel_initializer for name in ("first", "named"))
assert type(first) is IsogainInitializer and first.initializer == ig.get("lecun_normal") and first.seed == 3
assert type(named) is initializers.HeNormal and named.seed == 5
layer = L.Dense(7, kernel_initializer=first, name="first"); layer.build((None, 5))
assert numbers(layer.kernel).tobytes() == numbers(drawn["first/kernel"]).tobytes()

for dtype in ("float16", "bfloat16", "float32", "float64"):
    if sys.argv[1] == "jax" and dtype == "float64":
        continue
    value = to_keras("he_normal", seed=1, path="p")((6, 5), dtype=dtype)
    exact = ig.draw("he_normal", (6, 5), seed=1, path="p", dtype=dtype)
    assert keras.backend.standardize_dtype(value.dtype) == dtype
    assert np.array_equal(keras.ops.convert_to_numpy(keras.ops.cast(value, "float32")), exact.astype("float32")), dtype
keras.utils.set_random_seed(4); one = to_keras("he_normal").seed
keras.utils.set_random_seed(4); two = to_keras("he_normal").seed
assert one == two and to_keras("he_normal").seed != one
model.compile("sgd", "mse"); model.fit(np.ones((4, 12, 12, 4), "float32"), np.ones((4, 3), "float32"), verbose=0)
print(digest.hexdigest())
"""

TENSORFLOW_1 = """
import numpy as np, tensorflow as tf, isogain as ig
from isogain.keras import to_tf1
from isogain.keras.tensorflow1 import TF1Initializer
v1, init = tf.compat.v1, to_tf1("he_normal", seed=2)
with tf.Graph().as_default(), v1.Session() as session:
    with v1.variable_scope("net"):
        whole = v1.get_variable("w", (8, 6), initializer=init)
        parts = v1.get_variable("p", (8, 6), initializer=init, partitioner=v1.fixed_size_partitioner(2))
        half = v1.get_variable("h", (8, 6), dtype=tf.float16, initializer=init)
    session.run(v1.global_variables_initializer())
    assert session.run(whole).tobytes() == ig.draw("he_normal", (8, 6), seed=2, path="net/w").tobytes()
    together = np.concatenate([session.run(part) for part in parts])
    assert together.tobytes() == ig.draw("he_normal", (8, 6), seed=2, path="net/p").tobytes()
    assert session.run(half).tobytes() == ig.draw("he_normal", (8, 6), seed=2, path="net/h", dtype="float16").tobytes()
again = TF1Initializer.from_config(init.get_config())
eager = to_tf1("orthogonal", seed=2, path="w")((4, 4), tf.float32)
assert eager.numpy().tobytes() == ig.draw("orthogonal", (4, 4), seed=2, path="w").tobytes()
assert again.initializer == init.initializer and again.seed == 2
print("same")
"""
