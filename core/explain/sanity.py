"""Does a heat map depend on what the network learned? Forget it layer by layer, from the top, and look again.

The cascading randomisation of Adebayo et al. 2018 (arXiv:1810.03292): a map that stays the same while the weights
turn to noise shows the picture, not the network.
"""

import copy

import torch


def layers_with_weights(model):
    """Names of the modules that hold weights of their own, the last one first (the order in which a forward pass is undone)."""
    return [name for name, module in model.named_modules() if any(True for _ in module.parameters(recurse=False))][::-1]


def forgetful(model, count, seed=0):
    """A copy of the model whose last `count` layers with weights hold noise of the mean and spread they had.

    The model itself is not touched. Noise of the same spread keeps signals at their size, so that what changes is
    what was learned and not how loud it is.
    """
    out = copy.deepcopy(model)
    modules, noise = dict(out.named_modules()), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name in layers_with_weights(out)[:count]:
            for parameter in modules[name].parameters(recurse=False):
                fresh = torch.randn(parameter.shape, generator=noise).to(parameter)
                spread = parameter.std() if parameter.numel() > 1 else parameter.abs().mean()
                parameter.copy_(parameter.mean() + fresh * spread)
    return out


def steps(total, most=8):
    """Up to `most` + 1 counts from 0 to `total`, evenly spread, the first few one by one: where maps tend to break."""
    spread = {round(total * k / most) for k in range(most + 1)}
    return sorted(spread | {1}) if total else [0]
