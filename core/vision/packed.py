"""A folded backbone for looking only, nearly twice as fast: weights laid out once as oneDNN wants them, each ReLU6 inside its convolution.

torch lays the weights of a convolution out anew at every call, and goes over its result once more for the ReLU6. Its compiler
avoids both (torch/_inductor/fx_passes/mkldnn_fusion.py) with the two operators that are used here. They are no public part
of torch: where they are missing or give something else, `packed` gives the backbone back as it was.
"""

import copy

import torch
from torch import nn

from core.vision.model import Conv, same

CLOSE = 1e-4  # relative difference up to which the packed answer is the backbone's


class PackedConv(nn.Module):
    """Conv without normalisation, convolution and ReLU6 in one. shape: of the map that it will see, which any other may differ from"""

    def __init__(self, layer, shape):
        super().__init__()
        conv = layer.conv
        self.bias, self.stride, self.padding, self.groups = conv.bias.detach(), list(conv.stride), list(conv.padding), conv.groups
        self.then = ("hardtanh", [0.0, 6.0]) if isinstance(layer.relu, nn.ReLU6) else ("none", [])
        self.weight = torch._C._nn.mkldnn_reorder_conv2d_weight(conv.weight.detach().to_mkldnn(), conv.padding, conv.stride, 1, conv.groups, shape)

    def forward(self, x):
        x = same(x) if self.stride == [2, 2] else x
        name, scalars = self.then
        return torch.ops.mkldnn._convolution_pointwise(x, self.weight, self.bias, self.padding, self.stride, [1, 1], self.groups, name, scalars, "")


@torch.inference_mode()
def packed(backbone, size, batch=1):
    """A Backbone, folded and on the CPU -> one that gives the same for (B, 3, size, size), fastest for `batch`; or itself."""
    x = torch.rand(batch, 3, size, size, generator=torch.Generator().manual_seed(0)).contiguous(memory_format=torch.channels_last)
    expected = backbone(x)
    try:
        quick = copy.deepcopy(backbone)
        shapes = shapes_of(quick, x)
        for module in list(quick.modules()):
            for name, layer in module.named_children():
                if isinstance(layer, Conv):
                    setattr(module, name, PackedConv(layer, shapes[layer]))
        alike = torch.allclose(quick(x), expected, rtol=CLOSE, atol=CLOSE * float(expected.abs().max()))
    except (RuntimeError, AttributeError):
        return backbone
    return quick if alike else backbone


def shapes_of(backbone, x):
    """{Conv: shape of what its convolution is shown} when the backbone looks at (B, 3, H, W)."""
    shapes, hooks = {}, []
    for layer in (m for m in backbone.modules() if isinstance(m, Conv)):
        hooks.append(layer.conv.register_forward_pre_hook(lambda _, inputs, layer=layer: shapes.update({layer: list(inputs[0].shape)})))
    backbone(x)
    for hook in hooks:
        hook.remove()
    return shapes
