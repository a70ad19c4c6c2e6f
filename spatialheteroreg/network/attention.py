"""Attention among the features of a row, and from features to nodes."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from .layers import Dropout, Linear, RandomSource


def linear_attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    r"""Attend at a cost linear in the number of tokens.

    .. math:: \frac{\phi(q_i)^T \sum_j \phi(k_j) v_j^T}
                   {\phi(q_i)^T \sum_j \phi(k_j)}, \qquad \phi(x) = 1 + elu(x)

    Parameters
    ----------
    query, key, value : Tensor of shape (..., P, D)
        Tokens.

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
    >>> torch.allclose(linear_attention(x, x, x), x)
    True
    """
    query, key = 1.0 + F.elu(query), 1.0 + F.elu(key)
    context = key.transpose(-1, -2) @ value  # (..., D, D)
    total = query @ key.sum(dim=-2).unsqueeze(-1)  # (..., P, 1)
    return (query @ context) / total


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
        self.norm_attention = nn.LayerNorm(d_token)
        self.query_key_value = Linear(d_token, 3 * d_token)
        self.output = Linear(d_token, d_token)
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(d_token),
            Linear(d_token, 2 * d_token),
            nn.GELU(),
            Dropout(dropout, random),
            Linear(2 * d_token, d_token),
        )
        self.dropout = Dropout(dropout, random)

    def forward(self, tokens: Tensor) -> Tensor:
        """Let the tokens (B, P, D) exchange what they know."""
        B, P, D = tokens.shape
        mixed = self.query_key_value(self.norm_attention(tokens))  # (B, P, 3 D)
        query, key, value = (
            mixed.view(B, P, 3, self.n_heads, D // self.n_heads)
            .permute(2, 0, 3, 1, 4)
            .unbind(0)
        )  # (B, H, P, D/H)
        if self.attention == "linear":
            attended = linear_attention(query, key, value)
        else:
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
    >>> states, log_weights = torch.zeros(3, 4, 6), torch.zeros(3, 4)
    >>> cross(torch.zeros(3, 5, 8), states, log_weights).shape
    torch.Size([3, 5, 8])
    """

    def __init__(self, d_token: int, d_condition: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.norm = nn.LayerNorm(d_token)
        self.query = Linear(d_token, d_token)
        self.key_value = Linear(d_condition, 2 * d_token, bias=False)
        self.output = Linear(d_token, d_token)

    def forward(self, tokens: Tensor, states: Tensor, log_weights: Tensor) -> Tensor:
        """Read the condition into the tokens.

        Parameters
        ----------
        tokens : Tensor of shape (B, P, D)
            Feature tokens.
        states : Tensor of shape (B, K, C)
            States of the attached nodes.
        log_weights : Tensor of shape (B, K)
            Logarithms of the kernel weights of the attached nodes.

        Returns
        -------
        Tensor of shape (B, P, D)
            What is to be added to the tokens.
        """
        B, P, D = tokens.shape
        K, width = states.shape[1], D // self.n_heads
        query = self.query(self.norm(tokens)).view(B, P, self.n_heads, width)
        key, value = (
            self.key_value(states)
            .view(B, K, 2, self.n_heads, width)
            .permute(2, 0, 3, 1, 4)
            .unbind(0)
        )  # (B, H, K, D/H)
        score = query.transpose(1, 2) @ key.transpose(-1, -2)  # (B, H, P, K)
        near = log_weights[:, None, None, :]
        share = _share(score / width**0.5 + near)
        read = (share @ value).transpose(1, 2).reshape(B, P, D)
        return self.output(read)
