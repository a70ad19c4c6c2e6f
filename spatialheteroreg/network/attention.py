"""Attention among the features of a row, and from features to nodes."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .layers import Dropout, LayerNorm, Linear, RandomSource


def linear_attention(
    query: Tensor, key: Tensor, value: Tensor, n_heads: int = 1
) -> Tensor:
    r"""Attend at a cost linear in the number of tokens.

    .. math:: \frac{\phi(q_i)^T \sum_j \phi(k_j) v_j^T}
                   {\phi(q_i)^T \sum_j \phi(k_j)}, \qquad \phi(x) = 1 + elu(x)

    Parameters
    ----------
    query, key, value : Tensor of shape (..., P, D)
        Tokens.
    n_heads : int, default=1
        Heads, each of `D / n_heads` of the numbers.

    Returns
    -------
    Tensor of shape (..., P, D)
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
    query, key = 1.0 + F.elu(query), 1.0 + F.elu(key)
    context = key.transpose(-1, -2) @ value  # (..., D, D)
    if n_heads > 1:
        # One product for all heads: what is between two of them is taken out.
        context = context * _same_head(context, n_heads)
    by_head = (n_heads, query.shape[-1] // n_heads)
    total = query * key.sum(dim=-2, keepdim=True)
    total = total.unflatten(-1, by_head).sum(dim=-1, keepdim=True)  # (..., P, H, 1)
    return ((query @ context).unflatten(-1, by_head) / total).flatten(-2)


def _same_head(context: Tensor, n_heads: int) -> Tensor:
    """Mark the pairs of numbers (D, D) that are of one head."""
    head = torch.arange(n_heads, device=context.device)
    head = head.repeat_interleave(context.shape[-1] // n_heads)
    return (head[:, None] == head).to(context.dtype)


def _share(score: Tensor) -> Tensor:
    """Softmax over a short last axis, where PyTorch's own is slow on a CPU."""
    score = (score - score.amax(dim=-1, keepdim=True).detach()).exp()
    return score / score.sum(dim=-1, keepdim=True)


class SelfAttention(nn.Module):
    """One block of the feature encoder: attention, then a small network.

    The features of a row exchange what they know, the same way everywhere:
    the paper's location-invariant branch. Normalized before, added after.

    Parameters
    ----------
    d_token : int
        Width of a token.
    n_heads : int
        Number of heads; divides `d_token`.
    attention : {"linear", "softmax"}
        Kind of attention.
    dropout : float
        Share of the numbers dropped in both parts.
    random : RandomSource
        Where dropout draws from.

    Examples
    --------
    >>> import torch
    >>> from spatialheteroreg.network.layers import initialize
    >>> random = RandomSource(0)
    >>> block = initialize(SelfAttention(8, 2, "linear", 0.0, random), random)
    >>> block(torch.zeros(3, 5, 8)).shape
    torch.Size([3, 5, 8])
    """

    def __init__(
        self,
        d_token: int,
        n_heads: int,
        attention: str,
        dropout: float,
        random: RandomSource,
    ) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.attention = attention
        self.norm_attention = LayerNorm(d_token)
        self.query_key_value = Linear(d_token, 3 * d_token)
        self.output = Linear(d_token, d_token)
        self.feed_forward = nn.Sequential(
            LayerNorm(d_token),
            Linear(d_token, 2 * d_token),
            nn.GELU(),
            Dropout(dropout, random),
            Linear(2 * d_token, d_token),
        )
        self.dropout = Dropout(dropout, random)

    def forward(self, tokens: Tensor) -> Tensor:
        """Let the tokens (B, P, D) exchange what they know."""
        B, P, D = tokens.shape
        query, key, value = self.query_key_value.parts(self.norm_attention(tokens), 3)
        if self.attention == "linear":
            attended = linear_attention(query, key, value, self.n_heads)
        else:
            query, key, value = (
                part.view(B, P, self.n_heads, D // self.n_heads).transpose(1, 2)
                for part in (query, key, value)
            )  # (B, H, P, D/H)
            attended = F.scaled_dot_product_attention(query, key, value)
            attended = attended.transpose(1, 2).reshape(B, P, D)
        tokens = tokens + self.dropout(self.output(attended))
        return tokens + self.feed_forward(tokens)


class CrossAttention(nn.Module):
    r"""Let the features ask the nodes that their row is attached to.

    The paper's decoder: queries from the feature tokens, keys and values from
    the condition. The kernel weight of a node enters as
    :math:`q^T k / \sqrt{D} + \log w`, so that near nodes speak louder and a node
    of weight 0 not at all.

    Parameters
    ----------
    d_token : int
        Width of a token.
    d_condition : int
        Width of a node's state.
    n_heads : int
        Number of heads; divides `d_token`.

    Examples
    --------
    >>> import torch
    >>> from spatialheteroreg.network.layers import initialize
    >>> cross = initialize(CrossAttention(8, 6, 2), RandomSource(0))
    >>> key, value = cross.key_value.parts(torch.zeros(3, 4, 6), 2)
    >>> cross(torch.zeros(3, 5, 8), key, value, torch.zeros(3, 4)).shape
    torch.Size([3, 5, 8])
    """

    def __init__(self, d_token: int, d_condition: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.norm = LayerNorm(d_token)
        self.query = Linear(d_token, d_token)
        self.key_value = Linear(d_condition, 2 * d_token, bias=False)
        self.output = Linear(d_token, d_token)

    def forward(
        self, tokens: Tensor, key: Tensor, value: Tensor, log_weights: Tensor
    ) -> Tensor:
        """Read the condition into the tokens.

        Parameters
        ----------
        tokens : Tensor of shape (B, P, D)
            Feature tokens.
        key, value : Tensor of shape (B, K, D)
            States of the attached nodes, times the two halves of `key_value`.
        log_weights : Tensor of shape (B, K)
            Logarithms of the kernel weights of the attached nodes.

        Returns
        -------
        Tensor of shape (B, P, D)
            What is to be added to the tokens.
        """
        if not self.training and key.shape[1] % 2:
            # Products with an odd number of nodes round a row by where it stands.
            key, value = F.pad(key, (0, 0, 0, 1)), F.pad(value, (0, 0, 0, 1))
            log_weights = F.pad(log_weights, (0, 1), value=-torch.inf)
        B, P, D = tokens.shape
        K, width = key.shape[1], D // self.n_heads
        query = self.query(self.norm(tokens)).view(B, P, self.n_heads, width)
        key, value = (
            part.view(B, K, self.n_heads, width).transpose(1, 2)
            for part in (key, value)
        )  # (B, H, K, D/H)
        score = query.transpose(1, 2) @ key.transpose(-1, -2)  # (B, H, P, K)
        near = log_weights[:, None, None, :]
        share = _share(score / width**0.5 + near)
        read = (share @ value).transpose(1, 2).reshape(B, P, D)
        return self.output(read)
