"""Which noise levels a training meets: s = shifted(sigmoid(normal)), as a whole or within the range of one expert."""

import torch

NORMAL = torch.distributions.Normal(0.0, 1.0)


def draw_sigma(uniform: torch.Tensor, shift: float, low: float = 0.0, high: float = 1.0):
    """The distribution of shifted(sigmoid(normal)) given low <= sigma <= high, at quantiles `uniform` in (0, 1). float32

    sigma = shift * x / (1 + (shift - 1) * x), x = sigmoid(z) (logit-normal: arXiv 2403.03206, section 3.1). All steps rise, so
    a range of sigma is a range of z, and nothing is drawn in vain.
    """
    first, last = (NORMAL.cdf(torch.logit(unshifted(torch.tensor(end, dtype=torch.float64), shift))) for end in (low, high))
    z = NORMAL.icdf(first + (last - first) * uniform.double())
    x = torch.sigmoid(z)
    return (shift * x / (1 + (shift - 1) * x)).clamp(low, high).float()


def unshifted(sigma, shift: float):
    return sigma / (shift - (shift - 1) * sigma)
