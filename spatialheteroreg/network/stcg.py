"""The whole network: two branches, a decoder, two heads."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .attention import SelfAttention
from .condition import ConditionEncoder, ConditionTable
from .decoder import Decoder
from .invariance import RegionRisks, Withheld, withhold
from .layers import Dropout, Linear, RandomSource
from .output import NetworkOutput
from .tokens import FeatureTokens

TAPER = 0.125
"""Weight of the nearest node's log kernel in the gate: of what was learned, some three
fifths are left at 4 kernel widths and a thirtieth at 8."""

FAINTEST = -40.0
"""Logarithm of a kernel that no sum notices beside the largest of a row. Exponentials
of smaller ones take processors twenty times as long."""


class STCGNetwork(nn.Module):
    r"""Common law and local condition, decoded into a prediction and weights.

    The feature branch (tokens, self-attention) is the same everywhere. The
    condition branch gives a row its condition :math:`c`, interpolated between
    the attached nodes and the two steps around its time. The decoder reads one
    into the other and weighs the features:

    .. math:: \hat y = b(c) + \sum_j w_j(x, c)\, v_j

    With `head="additive"` this is the prediction. With `head="dual"`, the
    paper's pair of heads, another output predicts and this combination explains.
    The intercept :math:`b` is linear in :math:`c`, which sees place and time only.

    Parameters
    ----------
    tokens : FeatureTokens
        Makes tokens and values.
    condition : ConditionEncoder or None
        Makes the table of node states; None leaves the condition out.
    n_features : int
        Number of features P; may be 0.
    d_token, n_heads, n_layers : int
        Width of a token, heads, and blocks of self-attention.
    d_condition : int
        Width of the condition.
    d_hidden : int
        Width of the hidden layer of the read-out.
    n_encoded : int
        Width of a row's own time encoding.
    attention : {"linear", "softmax"}
        Kind of self-attention.
    cross_attention : bool, default=True
        Whether the features ask the attached nodes.
    head : {"additive", "dual"}
        What predicts.
    n_members : int, default=1
        Members of the ensemble E: read-outs and intercepts on one trunk.
    dropout, place_dropout, condition_dropout : float
        Share of numbers dropped in training; of rows that forget their nearest
        node; and of rows that forget all nodes.
    random : RandomSource
        Where dropout draws from.
    invariance : RegionRisks, default=None
        Penalizes features by what they do to the regions' risks; None for no such
        penalty.
    """

    def __init__(
        self,
        tokens: FeatureTokens,
        condition: ConditionEncoder | None,
        *,
        n_features: int,
        d_token: int,
        n_heads: int,
        n_layers: int,
        d_condition: int,
        d_hidden: int,
        n_encoded: int,
        attention: str,
        cross_attention: bool = True,
        head: str,
        n_members: int = 1,
        dropout: float,
        place_dropout: float,
        condition_dropout: float,
        random: RandomSource,
        invariance: RegionRisks | None = None,
    ) -> None:
        super().__init__()
        self.invariance = invariance
        self.head = head
        self.n_features = n_features
        self.d_head = d_token // n_heads
        # Steps that training needs; rows held out may lie after the others.
        self.n_steps = 1 if condition is None else condition.n_steps
        self.condition = condition
        self.tokens = tokens
        self.encoder = nn.Sequential(
            *(
                SelfAttention(d_token, n_heads, attention, dropout, random)
                for _ in range(n_layers)
            )
        )
        conditioned = condition is not None
        self.time_of_row = Linear(n_encoded, d_condition, bias=False)
        self.drop_place = Dropout(place_dropout, random, rows=True)
        self.drop_condition = Dropout(condition_dropout, random, rows=True)
        self.gate = nn.Parameter(torch.tensor([2.0, 0.0]))
        self.n_members = n_members
        self.intercept = nn.Parameter(torch.empty(n_members, d_condition))
        self.level = nn.Parameter(torch.zeros(n_members))
        self.decoder = (
            Decoder(
                n_features,
                d_token,
                d_condition if conditioned else 0,
                cross_attention=cross_attention,
                n_heads=n_heads,
                d_hidden=d_hidden,
                n_outputs=n_features + (head == "dual"),
                n_members=n_members,
                dropout=dropout,
                random=random,
            )
            if n_features
            else None
        )

    def condition_table(
        self, n_steps: int | None = None, *, anew: bool = False
    ) -> ConditionTable | None:
        """States of all nodes at all steps, or None without a condition.

        Parameters
        ----------
        n_steps : int, default=None
            Steps to compute; None means those that training needs.
        anew : bool, default=False
            As for :class:`~spatialheteroreg.network.condition.ConditionEncoder`.

        Returns
        -------
        ConditionTable or None
            The table that rows interpolate.
        """
        if self.condition is None:
            return None
        # Few numbers next to those of a batch.
        with torch.autocast(self.level.device.type, enabled=False):
            return self.condition(n_steps or self.n_steps, anew=anew)

    def move_random(self, device: str) -> RandomSource:
        """Have all dropouts draw from one source on a device.

        Parameters
        ----------
        device : str
            Where the network lies.

        Returns
        -------
        RandomSource
            The source they had, or one of the same seed where it lay elsewhere.
        """
        source = self.drop_place.random
        have, wanted = source.generator.device, torch.empty(0, device=device).device
        elsewhere = None not in (have.index, wanted.index) and have != wanted
        if have.type != wanted.type or elsewhere:
            source = RandomSource(source.generator.initial_seed(), device)
        self.share_random(source)
        return source

    def share_random(self, source: RandomSource) -> None:
        """Have all dropouts draw from this source."""
        for part in self.modules():
            if isinstance(part, Dropout):
                part.random = source

    def weigh_nodes(
        self, log_kernel: Tensor, distance: Tensor
    ) -> tuple[Tensor, Tensor]:
        r"""Say how much each attached node counts, and all of them together.

        Near nodes share a weight of 1 by their kernel. The gate

        .. math:: \sigma(a - e^b \log(1 + d) + \tfrac18 \log k)

        with learned :math:`a, b`, the distance :math:`d` to the nearest node and
        its kernel :math:`k` takes the condition back where no node is near: how
        soon is learned, and far away the global law is left, whatever was learned.
        In training, rows forget their nearest node (`place_dropout`) or all of
        them (`condition_dropout`), so that the gate learns from places that are as
        good as unseen.

        Parameters
        ----------
        log_kernel, distance : Tensor of shape (B, K)
            Logarithm of the kernel, and distance in kernel widths.

        Returns
        -------
        log_weight : Tensor of shape (B, K)
            Logarithm of the shares.
        gate : Tensor of shape (B,)
            In [0, 1].
        """
        nearest, kernel = distance[:, 0], log_kernel[:, 0]
        first, others = log_kernel[:, :1], log_kernel[:, 1:]
        if self.training and self.drop_place.p > 0 and log_kernel.shape[1] > 1:
            hidden = self.drop_place.mask(nearest) == 0.0
            kernel = torch.where(hidden, others[:, 0], kernel)
            first = first.masked_fill(hidden[:, None], -torch.inf)
            nearest = torch.where(hidden, distance[:, 1], nearest)
        largest = torch.cat([first, others], dim=1).amax(dim=1, keepdim=True)
        log_kernel = torch.cat([first, others.clamp(min=largest + FAINTEST)], dim=1)
        reach = self.gate[0] - self.gate[1].exp() * torch.log1p(nearest)
        gate = torch.sigmoid(reach + TAPER * kernel)
        if self.training and self.drop_condition.p > 0:
            gate = gate * self.drop_condition.mask(gate)
        return torch.log_softmax(log_kernel, dim=1), gate

    def draw_parameters(self, generator: torch.Generator) -> None:
        """Draw the weights of the intercept as a linear layer does."""
        bound = self.intercept.shape[1] ** -0.5
        self.intercept.uniform_(-bound, bound, generator=generator)

    def member_conditions(
        self, condition: Tensor, log_weight: Tensor, gate: Tensor, node: Tensor
    ) -> Tensor:
        """Add what each member knows of the attached nodes (B, C) -> (B, E, C)."""
        assert self.condition is not None
        own = self.condition.deviations(node, log_weight.exp() * gate[:, None])
        return condition[:, None] if own is None else condition[:, None] + own

    def intercept_of(self, condition: Tensor) -> Tensor:
        """Intercept of each member (B, E), from its condition (B, E, C)."""
        return self.level + (condition * self.intercept).sum(dim=-1)

    def forward(
        self,
        numeric: Tensor,
        missing: Tensor,
        codes: Tensor,
        node_index: Tensor,
        node_log_kernel: Tensor,
        node_distance: Tensor,
        step_lower: Tensor,
        step_upper: Tensor,
        step_fraction: Tensor,
        time_encoding: Tensor,
        table: ConditionTable | None = None,
    ) -> NetworkOutput:
        """Predict and weigh a batch.

        Parameters
        ----------
        numeric, missing : Tensor of shape (B, n_numeric)
            Standardized numbers, and where they are missing.
        codes : Tensor of shape (B, n_categorical)
            Category codes.
        node_index : Tensor of shape (B, K)
            Attached nodes, nearest first.
        node_log_kernel, node_distance : Tensor of shape (B, K)
            Logarithm of their kernel, and their distance in kernel widths.
        step_lower, step_upper : Tensor of shape (B,)
            Steps before and after.
        step_fraction : Tensor of shape (B,)
            How far towards the step after.
        time_encoding : Tensor of shape (B, n_encoded)
            The row's own time.
        table : ConditionTable, default=None
            Condition table where it was computed before.

        Returns
        -------
        NetworkOutput
            Prediction, combination, intercept, weights and values.
        """
        condition = log_weight = attended = None
        node_index = node_index.long()  # gradients of look-ups take no shorter numbers
        if self.condition is not None:
            if table is None:
                table = self.condition_table()
            assert table is not None
            attached = self.condition.attach(
                table, node_index, step_lower, step_upper, step_fraction
            )
            log_weight, gate = self.weigh_nodes(node_log_kernel, node_distance)
            condition = attached.mean(log_weight.exp()) * gate[:, None]  # (B, C)
            condition = condition + self.time_of_row(time_encoding)
            if self.decoder is not None and self.decoder.key_value_matrix is not None:
                key_value = attached.states(self.decoder.key_value_matrix)
                attended = key_value * gate[:, None, None]  # (B, K, 2 D)
            condition = self.member_conditions(condition, log_weight, gate, node_index)
            intercept = self.intercept_of(condition)  # (B, E)
        else:
            intercept = self.level.expand(len(numeric), -1)
        if self.decoder is None:
            nothing = numeric[:, :0]
            weights = intercept[:, :, None] * nothing[:, None]
            return NetworkOutput(intercept, intercept, intercept, weights, nothing)
        conditions = (condition, attended, log_weight)
        output = self._decode((numeric, missing, codes), intercept, conditions)
        if self.invariance is None or not self.training:
            return output
        feature, chance = self.invariance.draw_feature(self.drop_place.random)
        rest = withhold(numeric, missing, codes, feature)
        without = self._decode(rest, intercept, conditions)
        region = self.invariance.region[node_index[:, 0]]
        withheld = Withheld(without, feature, chance, region, self.invariance)
        return output._replace(withheld=withheld)

    def _decode(
        self,
        features: tuple[Tensor, Tensor, Tensor],
        intercept: Tensor,
        conditions: tuple[Tensor | None, Tensor | None, Tensor | None],
    ) -> NetworkOutput:
        """Read condition, attended states and their log weights into the features."""
        assert self.decoder is not None
        tokens, values = self.tokens(*features)
        decoded = self.decoder(self.encoder(tokens), *conditions)
        weights = decoded[:, :, : self.n_features]
        combination = intercept + (weights * values[:, None]).sum(dim=-1)
        prediction = decoded[:, :, -1] if self.head == "dual" else combination
        return NetworkOutput(prediction, combination, intercept, weights, values)


def mean_state(log_weight: Tensor, states: Tensor) -> Tensor:
    """Mean state of the attached nodes.

    Parameters
    ----------
    log_weight : Tensor of shape (B, K)
        Logarithm of their shares.
    states : Tensor of shape (B, K, C)
        Their states.

    Returns
    -------
    Tensor of shape (B, C)
        The mean.
    """
    return (log_weight.exp()[:, None] @ states).squeeze(1)
