"""Attention among the features of a row, and from features to nodes."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .layers import Dropout, LayerNorm, Linear, RandomSource, steady_linear


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
    query, key = _feature_map(query), _feature_map(key)
    # One product for all heads: what is between two of them is taken out.
    same_head = _same_group(n_heads, query.shape[-1] // n_heads, query)
    context = (key.transpose(1, 2) @ value) * same_head  # (B, D, D)
    # A denominator stands beside each number that it divides.
    total = steady_linear(query * key.sum(dim=1, keepdim=True), same_head)
    return (query @ context) / total


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
        Logarithm of their weights.
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
    B, P, D = query.shape
    K, width = key_value.shape[1], D // n_heads
    # K nodes of H heads are H K nodes, each of one head: one product for all heads.
    own = _same_group(n_heads, width, query)[::width, None]  # (H, 1, D)
    key, value = key_value.chunk(2, dim=-1)
    key = (key[:, None] * (own / width**0.5)).view(B, n_heads * K, D)
    value = (value[:, None] * own).view(B, n_heads * K, D)
    near = log_weight.repeat(1, n_heads)[:, None]
    score = (query @ key.transpose(1, 2) + near).view(B, P, n_heads, K)
    # PyTorch's own softmax over a short axis takes a CPU several times as long.
    share = (score - score.amax(dim=-1, keepdim=True).detach()).exp().flatten(2)
    share = share / steady_linear(share, _same_group(n_heads, K, share))
    return share @ value


def _feature_map(x: Tensor) -> Tensor:
    """1 + elu(x), for which PyTorch's own elu takes a CPU several times as long."""
    positive = x.relu()
    # The difference is min(x, 0); a clamp would keep x for its gradient.
    return (x - positive).exp() + positive


def _same_group(n_groups: int, width: int, like: Tensor) -> Tensor:
    """Mark the pairs of numbers that are of one group."""
    group = torch.arange(n_groups, device=like.device).repeat_interleave(width)
    return (group[:, None] == group).to(like.dtype)


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
    >>> key_value = cross.key_value(torch.zeros(3, 4, 6))
    >>> cross(torch.zeros(3, 5, 8), key_value, torch.zeros(3, 4)).shape
    torch.Size([3, 5, 8])
    """

    def __init__(self, d_token: int, d_condition: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.norm = LayerNorm(d_token)
        self.query = Linear(d_token, d_token)
        self.key_value = Linear(d_condition, 2 * d_token, bias=False)
        self.output = Linear(d_token, d_token)

    def forward(self, tokens: Tensor, key_value: Tensor, log_weights: Tensor) -> Tensor:
        """Read the condition into the tokens.

        Parameters
        ----------
        tokens : Tensor of shape (B, P, D)
            Feature tokens.
        key_value : Tensor of shape (B, K, 2 D)
            States of the attached nodes, times the matrix of `key_value`.
        log_weights : Tensor of shape (B, K)
            Logarithms of the kernel weights of the attached nodes.

        Returns
        -------
        Tensor of shape (B, P, D)
            What is to be added to the tokens.
        """
        if not self.training and key_value.shape[1] % 2:
            # Products with an odd number of nodes round a row by where it stands.
            key_value = F.pad(key_value, (0, 0, 0, 1))
            log_weights = F.pad(log_weights, (0, 1), value=-torch.inf)
        query = self.query(self.norm(tokens))
        read = node_attention(query, key_value, log_weights, self.n_heads)
        return self.output(read)
