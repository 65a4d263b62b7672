"""scikit-learn's multi-layer perceptron, before its first step."""

import warnings

import numpy as np
from sklearn.neural_network import MLPClassifier


def started(activation, width=400):
    """A network after one step of rate 0."""
    rng = np.random.default_rng(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = MLPClassifier(
            (width,),
            activation=activation,
            solver="sgd",
            learning_rate_init=1e-300,
            max_iter=1,
            alpha=0,
            random_state=0,
        )
        return model.fit(rng.normal(size=(20, 640)), rng.integers(0, 2, 20))


def samples():
    for activation in ("relu", "logistic", "tanh"):
        yield "sklearn.MLPClassifier.coefs_", {"activation": activation}, started(activation).coefs_[0]
