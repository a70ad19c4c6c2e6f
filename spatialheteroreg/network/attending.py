"""Attention over few narrow tokens, with gradients written out.

Rows are many and their tokens few and narrow, so that most of what attention costs is
passing over tensors. One product serves all heads of a row, with what is between two
heads taken out, and what the gradients have in common is computed once. On one core a
step forward and back took half of what the same formulas take in plain operations.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from .layers import steady_linear


def linear_attention(
    query: Tensor, key: Tensor, value: Tensor, n_heads: int = 1
) -> Tensor:
    r"""Attend at a cost linear in the number of tokens.

    .. math:: \frac{\phi(q_i)^T \sum_j \phi(k_j) v_j^T}
                   {\phi(q_i)^T \sum_j \phi(k_j)}, \qquad \phi(x) = 1 + elu(x)

    Parameters
    ----------
    query, key, value : Tensor of shape (B, P, D)
        Tokens.
    n_heads : int, default=1
        Heads, each of `D / n_heads` of the numbers.

    Returns
    -------
    Tensor of shape (B, P, D)
        Weighted means of the values.

    References
    ----------
    Katharopoulos, A., Vyas, A., Pappas, N., Fleuret, F. (2020). Transformers
    are RNNs: fast autoregressive transformers with linear attention. ICML.

    Examples
    --------
    >>> import torch
    >>> x = torch.ones(2, 5, 4)
    >>> torch.allclose(linear_attention(x, x, x, n_heads=2), x)
    True
    """
    width = query.shape[-1] // n_heads
    return _in_full(_LinearAttention, query, key, value, n_heads, width)


def node_attention(
    query: Tensor, key_value: Tensor, log_weight: Tensor, n_heads: int = 1
) -> Tensor:
    r"""Attend to weighted nodes.

    .. math:: \frac{\sum_k w_k \exp(q_i^T k_k / \sqrt{D}) v_k}
                   {\sum_k w_k \exp(q_i^T k_k / \sqrt{D})}

    Parameters
    ----------
    query : Tensor of shape (B, P, D)
        Tokens.
    key_value : Tensor of shape (B, K, 2 D)
        What the nodes of a row are asked for, and beside it what they say.
    log_weight : Tensor of shape (B, K)
        Logarithm of their weights. It has no gradient.
    n_heads : int, default=1
        Heads, each of `D / n_heads` of the numbers, which stand for D in the formula.

    Returns
    -------
    Tensor of shape (B, P, D)
        Weighted means of the values.

    Examples
    --------
    >>> import torch
    >>> key_value = torch.tensor([[[9.0, 2.0], [9.0, 4.0]]])
    >>> weight = torch.tensor([[0.25, 0.75]])
    >>> node_attention(torch.zeros(1, 1, 1), key_value, weight.log()).tolist()
    [[[3.5]]]
    """
    return _in_full(_NodeAttention, query, key_value, log_weight, n_heads)


def _in_full(function: Any, *inputs: Any) -> Tensor:
    """Apply a function, in single precision where others have less."""
    device = inputs[0].device.type
    if not torch.is_autocast_enabled(device):
        return function.apply(*inputs)
    full = [
        part.to(torch.promote_types(part.dtype, torch.float32))
        if isinstance(part, Tensor)
        else part
        for part in inputs
    ]
    with torch.autocast(device, enabled=False):
        return function.apply(*full)


def _same_group(n_groups: int, width: int, like: Tensor) -> Tensor:
    """Mark the pairs of numbers that are of one group."""
    group = torch.arange(n_groups, device=like.device).repeat_interleave(width)
    return (group[:, None] == group).to(like.dtype)


def _phi(x: Tensor) -> Tensor:
    """Compute 1 + elu(x); its slope is itself, and at most 1."""
    return x.clamp(max=0.0).exp_().add_(x.clamp(min=0.0))


class _LinearAttention(torch.autograd.Function):
    """Linear attention. A denominator stands beside each number that it divides."""

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, n_heads: int, width: int
    ) -> Tensor:
        """Attend."""
        same_head = _same_group(n_heads, width, query)
        query, key = _phi(query), _phi(key)
        context = key.transpose(1, 2) @ value  # (B, D, D)
        if n_heads > 1:
            context *= same_head
        sums = key.sum(dim=1, keepdim=True)
        total = steady_linear(query * sums, same_head)
        attended = (query @ context).div_(total)
        ctx.save_for_backward(
            query, key, value, context, sums, total, attended, same_head
        )
        return attended

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        """Give the slopes of query, key and value."""
        query, key, value, context, sums, total, attended, same_head = ctx.saved_tensors
        slope = slope / total
        of_total = steady_linear(slope * attended, same_head)  # to be taken off
        of_query = (slope @ context.transpose(1, 2)).sub_(of_total * sums)
        of_context = query.transpose(1, 2) @ slope
        of_context *= same_head
        of_sums = of_total.mul_(query).sum(dim=1, keepdim=True)
        of_key = (value @ of_context.transpose(1, 2)).sub_(of_sums)
        of_value = key @ of_context
        of_query *= query.clamp(max=1.0)
        of_key *= key.clamp(max=1.0)
        return of_query, of_key, of_value, None, None


class _NodeAttention(torch.autograd.Function):
    """Softmax attention to K nodes of H heads: to H K nodes, each of one head."""

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key_value: Tensor, log_weight: Tensor, n_heads: int
    ) -> Tensor:
        """Attend."""
        B, P, D = query.shape
        K, width = key_value.shape[1], D // n_heads
        same_head = _same_group(n_heads, K, query)
        own = _same_group(n_heads, width, query)[::width, None]  # (H, 1, D)
        own = torch.cat([own / width**0.5, own], dim=-1)
        asked = (key_value[:, None] * own).view(B, n_heads * K, 2 * D)
        key, value = asked.chunk(2, dim=-1)
        near = log_weight.to(query.dtype).repeat(1, n_heads)[:, None]
        score = torch.baddbmm(near, query, key.transpose(1, 2))  # (B, P, H K)
        by_head = score.view(B, P, n_heads, K)
        by_head.sub_(by_head.amax(dim=-1, keepdim=True))
        share = score.exp_()
        share /= steady_linear(share, same_head)
        ctx.save_for_backward(query, asked, share, own, same_head)
        return share @ value

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        """Give the slopes of query and key_value."""
        query, asked, share, own, same_head = ctx.saved_tensors
        key, value = asked.chunk(2, dim=-1)
        slope = slope.contiguous()
        of_score = (slope @ value.transpose(1, 2)).mul_(share)
        of_score -= steady_linear(of_score, same_head).mul_(share)
        of_key = of_score.transpose(1, 2) @ query
        of_value = share.transpose(1, 2) @ slope
        of_asked = torch.cat([of_key, of_value], dim=-1)
        by_head = of_asked.unflatten(1, (len(own), -1))  # (B, H, K, 2 D)
        return of_score @ key, by_head.mul_(own).sum(dim=1), None, None
