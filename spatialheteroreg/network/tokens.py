"""Feature tokens: one vector for each feature of a row."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .look_up import look_up


class FeatureTokens(nn.Module):
    r"""Turn the features of a row into tokens and values.

    A number :math:`x_j` becomes the token :math:`x_j a_j + b_j`, a missing
    one :math:`m_j + b_j`, a category its own vector :math:`e_{j,c} + b_j`.
    These are the inputs of the paper's feature encoder.

    Beside the token each feature has a value :math:`v_j`, the number that its
    weight multiplies in the weighted combination: :math:`x_j` itself, or a
    learned number for a missing value or a category. An unseen category has
    value and vector 0.

    Parameters
    ----------
    n_numeric : int
        Number of numeric features.
    n_codes : sequence of int
        Number of codes of each categorical feature; code 0 means unseen.
    d_token : int
        Width of a token.

    Examples
    --------
    >>> from spatialheteroreg.network.layers import RandomSource, initialize
    >>> tokens = initialize(FeatureTokens(2, [4], d_token=8), RandomSource(0))
    >>> token, value = tokens(
    ...     torch.zeros(5, 2), torch.zeros(5, 2, dtype=bool), torch.ones(5, 1).long()
    ... )
    >>> token.shape, value.shape
    (torch.Size([5, 3, 8]), torch.Size([5, 3]))
    """

    offsets: Tensor
    seen: Tensor

    def __init__(self, n_numeric: int, n_codes: Sequence[int], d_token: int) -> None:
        super().__init__()
        n_features, n_rows = n_numeric + len(n_codes), sum(n_codes)
        self.n_numeric = n_numeric
        self.d_token = d_token
        self.slope = nn.Parameter(torch.empty(n_numeric, d_token))
        self.bias = nn.Parameter(torch.empty(n_features, d_token))
        self.missing_vector = nn.Parameter(torch.empty(n_numeric, d_token))
        self.missing_value = nn.Parameter(torch.empty(n_numeric))
        self.category_vector = nn.Parameter(torch.empty(n_rows, d_token))
        self.category_value = nn.Parameter(torch.empty(n_rows))
        # All categorical features share one table; each begins at its offset.
        starts = torch.tensor([0, *n_codes], dtype=torch.long).cumsum(0)
        self.register_buffer("offsets", starts[:-1])
        seen = torch.ones(n_rows)
        seen[starts[:-1]] = 0.0
        self.register_buffer("seen", seen)

    def draw_parameters(self, generator: torch.Generator) -> None:
        """Draw small vectors; values of categories spread like numbers."""
        bound = self.bias.shape[1] ** -0.5
        for parameter in (self.slope, self.bias, self.category_vector):
            parameter.uniform_(-bound, bound, generator=generator)
        self.category_value.normal_(generator=generator)
        # Code 1, missing, says nothing until training has seen one.
        self.category_vector[self.offsets + 1] = 0.0
        self.category_value[self.offsets + 1] = 0.0
        self.missing_vector.zero_()
        self.missing_value.zero_()

    def forward(
        self, numeric: Tensor, missing: Tensor, codes: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Make tokens and values.

        Parameters
        ----------
        numeric : Tensor of shape (B, n_numeric)
            Standardized numbers, 0 where missing.
        missing : Tensor of shape (B, n_numeric), bool
            Where numbers are missing.
        codes : Tensor of shape (B, n_categorical), int
            Category codes.

        Returns
        -------
        tokens : Tensor of shape (B, P, d_token)
            Numeric features first.
        values : Tensor of shape (B, P)
            What the weights multiply.
        """
        absent = missing.to(numeric.dtype)
        token = numeric[:, :, None] * self.slope + absent[:, :, None] * (
            self.missing_vector
        )  # (B, n_numeric, D)
        value = numeric + absent * self.missing_value
        if codes.shape[1]:
            row = codes + self.offsets
            seen = self.seen[row]
            vector = look_up(self.category_vector, row)
            token = torch.cat([token, vector * seen[:, :, None]], dim=1)
            value = torch.cat([value, self.category_value[row] * seen], dim=1)
        return token + self.bias, value
