"""From tokens and condition to the prediction and its weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .attention import CrossAttention
from .layers import Dropout, Linear, MemberHeads, MemberLinear, RandomSource


class FiLM(nn.Module):
    r"""Let the condition scale and shift every token: :math:`(1 + \gamma) t + \beta`.

    Parameters
    ----------
    n_tokens, d_token : int
        Shape of the tokens of a row.
    d_condition : int
        Width of the condition.

    References
    ----------
    Perez, E. et al. (2018). FiLM: visual reasoning with a general conditioning
    layer. AAAI.
    """

    def __init__(self, n_tokens: int, d_token: int, d_condition: int) -> None:
        super().__init__()
        self.scale_shift = Linear(d_condition, 2 * n_tokens * d_token, bias=False)

    def forward(self, tokens: Tensor, condition: Tensor) -> Tensor:
        """Modulate tokens (B, 1, P D) by the conditions of members (B, E, C)."""
        gamma, beta = self.scale_shift(condition).chunk(2, dim=-1)  # (B, E, P D)
        return tokens * (1.0 + gamma) + beta


class Decoder(nn.Module):
    """Read the condition into the tokens and weigh the features.

    The paper's decoder: cross-attention from features to the attached nodes,
    here with FiLM by the interpolated condition beside it, then a flat read-out
    of all tokens.

    Parameters
    ----------
    n_tokens, d_token : int
        Shape of the tokens of a row.
    d_condition : int
        Width of the condition; 0 for a network without a condition.
    cross_attention : bool
        Whether the features ask the nodes; else the condition speaks by FiLM alone.
    n_heads : int
        Heads of the cross-attention.
    d_hidden : int
        Width of the hidden layer of the read-out.
    n_outputs : int
        Numbers that are read out: a weight for each feature, and in the dual
        network the prediction.
    dropout : float
        Share of the numbers dropped before and in the read-out.
    random : RandomSource
        Where dropout draws from.
    """

    def __init__(
        self,
        n_tokens: int,
        d_token: int,
        d_condition: int,
        *,
        cross_attention: bool,
        n_heads: int,
        d_hidden: int,
        n_outputs: int,
        n_members: int,
        dropout: float,
        random: RandomSource,
    ) -> None:
        super().__init__()
        self.conditioned = d_condition > 0
        self.cross_attention = (
            CrossAttention(d_token, d_condition, n_heads)
            if self.conditioned and cross_attention
            else None
        )
        if self.conditioned:
            self.film = FiLM(n_tokens, d_token, d_condition)
        self.dropout = Dropout(dropout, random)
        self.read_out = nn.Sequential(
            MemberLinear(n_tokens * d_token, d_hidden, n_members),
            nn.GELU(),
            Dropout(dropout, random),
            MemberHeads(d_hidden, n_outputs, n_members),
        )

    @property
    def key_value_matrix(self) -> Tensor | None:
        """The matrix that makes keys and values of states; None to make none."""
        if self.cross_attention is None:
            return None
        return self.cross_attention.key_value.weight

    def forward(
        self,
        tokens: Tensor,
        condition: Tensor | None,
        attended: Tensor | None,
        log_weights: Tensor | None,
    ) -> Tensor:
        """Decode.

        Parameters
        ----------
        tokens : Tensor of shape (B, P, D)
            Encoded features.
        condition : Tensor of shape (B, E, C) or None
            Interpolated condition of each row, as each member has it.
        attended : Tensor of shape (B, K, 2 D) or None
            Keys and values of the attached nodes.
        log_weights : Tensor of shape (B, K) or None
            Logarithms of the kernel weights of the attached nodes.

        Returns
        -------
        Tensor of shape (B, E, n_outputs)
            What the heads need.
        """
        if self.cross_attention is not None and attended is not None:
            tokens = tokens + self.cross_attention(tokens, attended, log_weights)
        flat = torch.flatten(tokens, start_dim=1)[:, None]  # (B, 1, P D)
        if condition is not None:
            flat = self.film(flat, condition)  # (B, E, P D)
        return self.read_out(self.dropout(flat))
