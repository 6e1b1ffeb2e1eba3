"""The packed backbone gives what the backbone gives, and where torch cannot pack, the backbone itself looks."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from core.vision.model import DEPTHWISE, FUSED, Classifier, Conv, fold
from core.vision.network import one_thread
from core.vision.packed import packed


@pytest.fixture
def backbone():
    torch.manual_seed(0)
    model = Classifier(["a", "b"], [[[FUSED, 2, 8]], [[FUSED, 2, 16], [DEPTHWISE, 4, 16]], [[DEPTHWISE, 3, 24]]], stem=8, last=40)
    for layer in (m for m in model.modules() if isinstance(m, Conv)):
        layer.norm.running_mean.normal_()
        layer.norm.running_var.uniform_(0.5, 2)
        layer.norm.bias.data.normal_()
    return fold(model).backbone.to(memory_format=torch.channels_last)


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this torch has no oneDNN")
@pytest.mark.parametrize(("batch", "height", "width"), [(2, 48, 48), (1, 48, 48), (7, 48, 48), (2, 40, 64)])
def test_the_same_for_any_batch_and_size(backbone, batch, height, width):
    quick = packed(backbone, 48)
    x = torch.rand(batch, 3, height, width).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        assert torch.allclose(quick(x), backbone(x), atol=1e-5)
        for name, stage in quick.features(x).items():
            assert torch.allclose(stage, backbone.features(x)[name], atol=1e-5)


def test_where_torch_cannot_pack_the_backbone_looks(backbone, monkeypatch):
    monkeypatch.delattr(torch._C._nn, "mkldnn_reorder_conv2d_weight", raising=False)
    assert packed(backbone, 48) is backbone


def test_what_gives_something_else_is_not_believed(backbone, monkeypatch):
    monkeypatch.setattr(torch._C._nn, "mkldnn_reorder_conv2d_weight", lambda weight, *_: weight.to_dense() * 1.01, raising=False)
    assert packed(backbone, 48) is backbone


def test_one_photo_takes_one_thread_and_other_visitors_keep_theirs():
    usual = torch.get_num_threads()
    torch.set_num_threads(2)
    with ThreadPoolExecutor(1) as other:
        before = other.submit(torch.get_num_threads).result()
        with one_thread():
            assert torch.get_num_threads() == 1
            assert other.submit(torch.get_num_threads).result() == before
            with ThreadPoolExecutor(1) as fresh:
                assert fresh.submit(torch.get_num_threads).result() == 2, "a thread that begins meanwhile"
    assert torch.get_num_threads() == 2
    torch.set_num_threads(usual)
