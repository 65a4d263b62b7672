"""Libraries of models on PyTorch, and gensim."""

import _operators  # noqa: F401
import numpy as np
import torch

torch.manual_seed(0)


def samples():
    for found in (_clip, _tabnet, _transformers, _xlstm, _equivariant, _spiking, _recurrent, _words):
        yield from found()


def _clip():
    import open_clip

    width, layers = 512, 2
    text = {"context_length": 256, "vocab_size": 1000, "width": width, "heads": 8, "layers": layers}
    image = {"image_size": 128, "patch_size": 8, "width": 512, "layers": 1}
    made = open_clip.CLIP(embed_dim=256, vision_cfg=image, text_cfg=text)
    block = made.transformer.resblocks[0]
    for role, tensor in (
        ("token", made.token_embedding.weight),
        ("position", made.positional_embedding),
        ("attention", block.attn.in_proj_weight),
        ("branch_end", block.attn.out_proj.weight),
        ("feedforward", block.mlp.c_fc.weight),
        ("branch_end", block.mlp.c_proj.weight),
        ("projection", made.text_projection),
    ):
        yield "open_clip.TextTransformer", {"role": role, "width": width, "layers": layers}, tensor.detach()
    for name in ("positional_embedding", "proj"):
        yield f"open_clip.VisionTransformer.{name}", {"width": 512}, getattr(made.visual, name).detach()
    yield "open_clip.CLIP.logit_scale", {}, made.logit_scale.detach().reshape(1)


def _tabnet():
    from pytorch_tabnet.tab_network import GLU_Layer, TabNetNoEmbeddings

    yield "tabnet.GLU_Layer.fc.weight", {}, GLU_Layer(1000, 320).fc.weight.detach()
    made = TabNetNoEmbeddings(20, 640, n_d=1000)
    yield "tabnet.TabNetNoEmbeddings.final_mapping.weight", {}, made.final_mapping.weight.detach()


def _transformers():
    from vit_pytorch import ViT
    from x_transformers import Decoder, TransformerWrapper

    made = TransformerWrapper(
        num_tokens=1000, max_seq_len=1000, attn_layers=Decoder(dim=640, depth=1, heads=4)
    )
    yield "x_transformers.TokenEmbedding.emb.weight", {}, made.token_emb.emb.weight.detach()
    yield "x_transformers.AbsolutePositionalEmbedding.emb.weight", {}, made.pos_emb.emb.weight.detach()
    made = ViT(image_size=256, patch_size=8, num_classes=10, dim=640, depth=1, heads=4, mlp_dim=64)
    yield "vit_pytorch.ViT.pos_embedding", {}, made.pos_embedding.detach()


def _xlstm():
    from xlstm import mLSTMBlockConfig, mLSTMLayerConfig, xLSTMBlockStack, xLSTMBlockStackConfig

    dim, blocks = 512, 2
    layer = mLSTMBlockConfig(mlstm=mLSTMLayerConfig(conv1d_kernel_size=4, qkv_proj_blocksize=4, num_heads=4))
    stack = xLSTMBlockStackConfig(
        mlstm_block=layer, num_blocks=blocks, embedding_dim=dim, context_length=16, slstm_at=[]
    )
    made = xLSTMBlockStack(stack).blocks[0].xlstm
    yield "xlstm.small_init_init_", {"dim": dim}, made.proj_up.weight.detach()
    yield "xlstm.wang_init_", {"dim": dim, "num_blocks": blocks}, made.proj_down.weight.detach()
    yield "xlstm.mLSTMCell.igate.weight", {}, made.mlstm_cell.igate.weight.detach()
    cell = made.mlstm_cell
    cell.igate.bias = torch.nn.Parameter(torch.empty(200_000))  # of its few heads no std can be told
    cell.reset_parameters()
    yield "xlstm.mLSTMCell.igate.bias", {}, cell.igate.bias.detach()


def _equivariant():
    from e3nn import nn, o3

    yield "e3nn.o3.Linear.weight", {}, o3.Linear("1000x0e", "640x0e").weight.detach()
    layer = nn.FullyConnectedNet([1000, 640], torch.relu).layer0
    yield "e3nn.nn.FullyConnectedNet.layer0.weight", {}, layer.weight.detach()


def _spiking():
    import snntorch
    from norse.torch import LIFRecurrentCell
    from spikingjelly.activation_based.neuron import ParametricLIFNode

    for tau in (2.0, 5.0):
        held = ParametricLIFNode(init_tau=tau).w.detach().reshape(1)
        yield "spikingjelly.ParametricLIFNode.w", {"init_tau": tau}, held
    yield "snntorch.Leaky.threshold", {}, snntorch.Leaky(beta=0.9).threshold.reshape(1)
    cell = LIFRecurrentCell(1000, 256)
    yield "norse.LIFRecurrentCell.input_weights", {"hidden_size": 256}, cell.input_weights.detach()


def _recurrent():
    from pytorch_forecasting.models.temporal_fusion_transformer.sub_modules import GatedResidualNetwork
    from speechbrain.nnet.RNN import LSTM

    yield "speechbrain.LSTM.weight_hh", {}, LSTM(hidden_size=64, input_size=64).rnn.weight_hh_l0.detach()
    made = GatedResidualNetwork(1000, 640, 640, context_size=1000)
    yield "pytorch_forecasting.GatedResidualNetwork.fc1.weight", {}, made.fc1.weight.detach()
    yield "pytorch_forecasting.GatedResidualNetwork.context.weight", {}, made.context.weight.detach()


def _words():
    from gensim.models import Word2Vec

    texts = [[f"word{number}" for number in range(2000)]]
    made = Word2Vec(vector_size=320, min_count=1, seed=1)
    made.build_vocab(texts)
    yield "gensim.Word2Vec.wv.vectors", {"vector_size": 320}, np.asarray(made.wv.vectors)
    yield "gensim.Word2Vec.syn1neg", {}, made.syn1neg
