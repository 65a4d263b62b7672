"""The atlas: its table, its page, and what changed between two releases."""

from __future__ import annotations

import dataclasses

import pytest

import isogain as ig
from isogain.errors import DataError
from isogain.libraries import Kind, changes


def test_the_table_is_large_enough_and_complete():
    table = ig.atlas()
    assert len({one.model for one in table}) >= 500
    assert len(table.libraries) >= 50
    for one in table:
        assert one.version
        assert one.starts
        assert all(kind.where and kind.count >= 1 for kind in one.starts)


def test_laws_have_a_file_and_a_line():
    drawn = [kind for one in ig.atlas() for kind in one.starts if kind.law]
    assert sum(":" in kind.where for kind in drawn) / len(drawn) > 0.99


def test_places_are_those_of_the_library():
    """Not of the folder in which it happened to be installed."""
    kinds = [kind for one in ig.atlas() for kind in one.starts]
    assert not [kind for kind in kinds if kind.where.startswith("/") or " /" in kind.where]


def test_every_architecture_of_the_corpus_is_held():
    architectures = pytest.importorskip("corpus.architectures").ARCHITECTURES
    held = {one.model.lower().replace("-", "") for one in ig.atlas()}
    assert not [name for name in architectures if f"transformers/{name.replace('-', '')}" not in held]


def test_two_releases_of_transformers_differ_where_they_do():
    """SigLIP's LeCun law lost its cut, and ViT-MAE its positions."""
    found = {(one.model, one.kind): one for one in changes(list(ig.atlas())) if one.library == "transformers"}
    assert found["transformers/vit-mae", "ViTMAEEmbeddings.cls_token"].after == "Zeros()"
    siglip = found["transformers/siglip-vision", "Conv2d.weight"]
    assert ("low=-0.16409" in siglip.before, "low=-2" in siglip.after) == (True, True)


def test_names_words_and_refusals():
    table = ig.atlas()
    assert table["transformers/GPT2".lower()].library == "transformers"
    assert all(one.library == "zuko" for one in table.search("zuko"))
    with pytest.raises(DataError, match="did you mean"):
        table.named("transformers/gpt22")


def test_what_changed_is_found_and_lines_that_moved_are_not():
    one = ig.atlas()["transformers/gpt2"]
    moved = dataclasses.replace(
        one,
        version="99.0",
        starts=tuple(dataclasses.replace(kind, where="elsewhere.py:1") for kind in one.starts),
    )
    assert not list(changes([one, moved]))
    first, *rest = one.starts
    other = dataclasses.replace(
        moved, starts=(Kind(first.kind, "Normal(std=0.5)", "x.py:3", 1, first.example, first.shape), *rest)
    )
    (change,) = changes([other, one])
    assert (change.old, change.new, change.kind) == (one.version, "99.0", first.kind)
    assert "0.5" in change.after
