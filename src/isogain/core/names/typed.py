"""Names of initializers, for editors to complete.  Made from the table: python .ci/literals.py"""

from __future__ import annotations

from typing import Literal

__all__ = ["InitializerName"]

InitializerName = Literal[
    "variance_scaling", "glorot_normal", "glorot_uniform", "glorot_truncated_normal", "lecun_normal",
    "lecun_uniform", "lecun_truncated_normal", "he_normal", "he_uniform", "he_truncated_normal",
    "kaiming_normal", "kaiming_uniform", "inverse_sum_normal", "selu", "orthogonal", "delta_orthogonal",
    "mirrored_orthogonal", "lsuv", "convolution_orthogonal", "scaled_uniform_orthogonal", "zero_hadamard",
    "idinit", "fixup", "skipinit", "rezero", "layerscale", "zero_gamma", "gpt2", "megatron", "bert", "t5",
    "olmo_mitchell", "small_init", "gpt_neox", "deepseek", "t_fixup", "deepnorm", "vit", "dit_zero",
    "mimetic", "gate_bias", "irnn", "chrono", "hippo_legs", "s4d_lin", "s4d_inv", "s4d_legs", "s4d_real",
    "mamba_dt", "lora", "lora_gaussian", "rslora", "pissa", "olora", "focal_prior", "detection_head", "mup",
    "completep", "spectral", "ntk", "mean_field", "siren", "identity", "dirac", "sparse", "masked_normal",
    "bilinear", "zeros", "ones", "constant", "normal", "uniform", "truncated_normal", "small_normal",
    "small_uniform", "small_truncated_normal", "large_normal", "large_uniform", "large_truncated_normal",
    "nonzero_mean_normal", "nonzero_mean_uniform", "nonzero_mean_truncated_normal", "caffe.constant",
    "caffe.uniform", "caffe.gaussian", "caffe.xavier", "caffe.msra", "caffe.positive_unitball",
    "caffe.bilinear", "jax.zeros", "jax.ones", "jax.constant", "jax.uniform", "jax.normal",
    "jax.truncated_normal", "jax.variance_scaling", "jax.glorot_uniform", "jax.glorot_normal",
    "jax.lecun_uniform", "jax.lecun_normal", "jax.he_uniform", "jax.he_normal", "jax.orthogonal",
    "jax.delta_orthogonal", "keras.Zeros", "keras.Ones", "keras.Constant", "keras.Identity",
    "keras.RandomNormal", "keras.TruncatedNormal", "keras.RandomUniform", "keras.VarianceScaling",
    "keras.GlorotUniform", "keras.GlorotNormal", "keras.LecunNormal", "keras.LecunUniform", "keras.HeNormal",
    "keras.HeUniform", "keras.Orthogonal", "mxnet.Xavier", "mxnet.MSRAPrelu", "mxnet.Uniform", "mxnet.Normal",
    "mxnet.Orthogonal", "mxnet.Zero", "mxnet.One", "mxnet.Constant", "mxnet.Bilinear", "mxnet.LSTMBias",
    "torch.uniform_", "torch.normal_", "torch.trunc_normal_", "torch.constant_", "torch.ones_",
    "torch.zeros_", "torch.eye_", "torch.dirac_", "torch.xavier_uniform_", "torch.xavier_normal_",
    "torch.kaiming_uniform_", "torch.kaiming_normal_", "torch.orthogonal_", "torch.sparse_",
    "torch.default_weight", "tf.variance_scaling_initializer",
    "tf.contrib.layers.variance_scaling_initializer", "tf.contrib.layers.xavier_initializer",
    "tf.glorot_uniform_initializer", "tf.glorot_normal_initializer", "tf.initializers.he_normal",
    "tf.initializers.he_uniform", "tf.initializers.lecun_normal", "tf.initializers.lecun_uniform",
    "tf.uniform_unit_scaling_initializer", "tf.zeros_initializer", "tf.ones_initializer",
    "tf.constant_initializer", "tf.random_normal_initializer", "tf.truncated_normal_initializer",
    "tf.random_uniform_initializer", "tf.orthogonal_initializer", "tf.initializers.identity",
    "tf.contrib.framework.convolutional_delta_orthogonal", "timm.trunc_normal_", "timm.trunc_normal_tf_",
    "timm.variance_scaling_", "timm.lecun_normal_",
]  # fmt: skip
