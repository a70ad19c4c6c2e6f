"""The spatiotemporal condition: a state for every node at every step."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from ..row_inputs import slices
from .attached import AttachedStates
from .dynamic import DynamicGraph, Edges
from .layers import LSTM, Dropout, Linear
from .look_up import look_up, sum_of_rows
from .sparse import SparseMatrix

LSTM_STATES, LSTM_NODES = 30_720, 512
"""States, nodes times steps, that a CPU remembers at once, and at most so many nodes:
more would leave the cache of a core. One tensor for a thousand nodes is also so large
that the allocator finds no place for it where others have been."""

FEWEST_NODES = 32
"""Nodes below which a part takes longer than its share."""


class ConditionTable(NamedTuple):
    """States of all nodes at all steps, kept as the parts that they are made of.

    Attributes
    ----------
    nodes : Tensor of shape (M, C)
        What a node is at all times.
    steps : Tensor of shape (S, C)
        What a step is at all nodes.
    memory : Tensor of shape (S, M, R) or None
        What the recurrent network remembers, and what a node hears of its
        neighbors in a dynamic graph; None without both.
    """

    nodes: Tensor
    steps: Tensor
    memory: Tensor | None

    def cut_off(self) -> ConditionTable:
        """Return the same states, whose gradients are kept to be handed on later."""
        nodes, steps = (part.detach().requires_grad_() for part in self[:2])
        if self.memory is None:
            return ConditionTable(nodes, steps, None)
        return ConditionTable(nodes, steps, self.memory.detach().requires_grad_())

    def backward(self, used: ConditionTable) -> None:
        """Hand on the gradients of those that were cut off from these."""
        pairs = [
            (part, of.grad)
            for part, of in zip(self, used, strict=True)
            if part is not None and of is not None and of.grad is not None
        ]
        states, gradients = zip(*pairs, strict=True)
        torch.autograd.backward(states, gradients)


class GraphConvolution(nn.Module):
    r"""Mix each node with its neighbors: :math:`\hat A H W + b`.

    The same as `torch_geometric.nn.GCNConv` on a normalized graph, as a plain
    sparse product.

    Parameters
    ----------
    d_in, d_out : int
        Width of the states before and after.

    References
    ----------
    Kipf, T. N., Welling, M. (2017). Semi-supervised classification with graph
    convolutional networks. ICLR.

    Examples
    --------
    >>> from spatialheteroreg.network.layers import RandomSource, initialize
    >>> layer = initialize(GraphConvolution(4, 4), RandomSource(0))
    >>> layer(torch.zeros(3, 4), SparseMatrix(torch.eye(3).to_sparse())).shape
    torch.Size([3, 4])
    """

    def __init__(self, d_in: int, d_out: int) -> None:
        super().__init__()
        self.linear = Linear(d_in, d_out, bias=False)
        self.bias = nn.Parameter(torch.zeros(d_out))

    def forward(self, states: Tensor, adjacency: SparseMatrix) -> Tensor:
        """Mix states (M, D) along the adjacency (M, M)."""
        return adjacency.times(self.linear(states)) + self.bias


class ConditionEncoder(nn.Module):
    r"""Encode what nobody measured, for every node and step.

    The paper's spatiotemporal conditional graph. A node starts from a learned
    vector and its position; graph convolutions mix neighbors; an LSTM runs over
    the steps of each node; the state is the sum of what a node is, what a step
    is, and what the LSTM remembers:

    .. math::
        H^{(0)}_m &= e_m + W_p\, p_m \\
        H^{(l+1)} &= H^{(l)} + \mathrm{relu}(\hat A H^{(l)} W_l + b_l) \\
        T_s &= W_t\, t_s + g_s \\
        R_{s,m} &= \mathrm{LSTM}(V_h H_m + V_t T_s)_{1..s} \\
        C_{s,m} &= H_m + T_s + W_r R_{s,m}

    where :math:`t_s` encodes the time of a step, and :math:`g_s` is a learned
    vector of the step where steps run along the whole span of the data. It is
    absent where they run around a cycle, and 0 for steps after the training
    times. What a node is given does not change over time, so the convolutions
    run once for a node and not once for every step. The memory is narrow
    (:math:`C / 4`): as wide as the states it learns single months by heart.

    With `edges` a node also hears of its neighbors what depends on the step, the
    :math:`G_{s,m}` of :class:`~spatialheteroreg.network.dynamic.DynamicGraph`, which
    is added to what the LSTM is told and to what it remembers.

    Parameters
    ----------
    positions : Tensor of shape (M, n_axes)
        Unit vectors (or standardized coordinates) of the nodes.
    adjacency : Tensor of shape (M, M), sparse
        Normalized, with self loops.
    time_encoding : Tensor of shape (S_max, n_encoded)
        Encoded times of the steps, those after the training times included.
    n_steps : int
        Steps within the training times.
    cyclic : bool
        Whether the last step is followed by the first.
    d_condition : int
        Width C of a state.
    gcn_layers, lstm_layers : int
        Number of layers; 0 leaves the part out.
    n_members : int, default=1
        Members of an ensemble; with several, each adds a vector of its own to each
        node.
    drop_step : Dropout, default=None
        Hides the vectors of some steps in training, as if their time had not been
        seen: their season stands in. None hides none.
    edges : Edges, default=None
        Edges of a dynamic graph; None for a graph that is the same at all steps.

    Examples
    --------
    >>> from spatialheteroreg.network.layers import RandomSource, initialize
    >>> encoder = ConditionEncoder(
    ...     torch.eye(3), torch.eye(3).to_sparse(), torch.zeros(12, 5), 12, True,
    ...     d_condition=8, gcn_layers=1, lstm_layers=1,
    ... )
    >>> table = initialize(encoder, RandomSource(0))(n_steps=12)
    >>> table.nodes.shape, table.steps.shape, table.memory.shape
    (torch.Size([3, 8]), torch.Size([12, 8]), torch.Size([12, 3, 2]))
    """

    positions: Tensor
    time_encoding: Tensor

    def __init__(
        self,
        positions: Tensor,
        adjacency: Tensor,
        time_encoding: Tensor,
        n_steps: int,
        cyclic: bool,
        *,
        d_condition: int,
        gcn_layers: int,
        lstm_layers: int,
        n_members: int = 1,
        drop_step: Dropout | None = None,
        edges: Edges | None = None,
    ) -> None:
        super().__init__()
        self.drop_step = drop_step
        self.n_steps = n_steps
        self.cyclic = cyclic
        self.register_buffer("positions", positions)
        self.register_buffer("time_encoding", time_encoding)
        self.adjacency = SparseMatrix(adjacency)
        self.node_vectors = nn.Parameter(torch.empty(len(positions), d_condition))
        self.member_vectors = (
            nn.Parameter(torch.empty(len(positions), n_members, d_condition))
            if n_members > 1
            else None
        )
        self.position = Linear(positions.shape[1], d_condition, bias=False)
        self.time = Linear(time_encoding.shape[1], d_condition, bias=False)
        self.step_vectors = (
            None if cyclic else nn.Parameter(torch.empty(n_steps, d_condition))
        )
        self.convolutions = nn.ModuleList(
            GraphConvolution(d_condition, d_condition) for _ in range(gcn_layers)
        )
        self.lstm = None
        d_memory = max(1, d_condition // 4)
        if lstm_layers:
            self.from_node = Linear(d_condition, d_memory)
            self.from_step = Linear(d_condition, d_memory, bias=False)
            self.lstm = LSTM(d_memory, d_memory, num_layers=lstm_layers)
        if lstm_layers or edges is not None:
            self.recall = Linear(d_memory, d_condition, bias=False)
        self.dynamic = (
            None
            if edges is None
            else DynamicGraph(edges, time_encoding.shape[1], d_condition, d_memory)
        )

    def draw_parameters(self, generator: torch.Generator) -> None:
        """Draw small node and step vectors, so that places begin alike."""
        self.node_vectors.normal_(std=0.1, generator=generator)
        for vectors in (self.step_vectors, self.member_vectors):
            if vectors is not None:
                vectors.normal_(std=0.1, generator=generator)

    def forward(self, n_steps: int, *, anew: bool = False) -> ConditionTable:
        """Compute the states of all nodes at the first steps.

        Parameters
        ----------
        n_steps : int
            Steps wanted; may exceed the training steps of a sequence.
        anew : bool, default=False
            Whether to compute anew for gradients what the LSTM has computed, where that
            is much to keep. It takes a third more of its time.

        Returns
        -------
        ConditionTable
            The parts of the states.
        """
        nodes = self.node_vectors + self.position(self.positions)  # (M, C)
        for convolution in self.convolutions:
            nodes = nodes + torch.relu(convolution(nodes, self.adjacency))
        steps = self.time(self.time_encoding[:n_steps])  # (S, C)
        if self.step_vectors is not None:
            known = self.step_vectors[:n_steps]
            if self.training and self.drop_step is not None and self.drop_step.p > 0:
                known = known * self.drop_step.mask(known[:, 0])[:, None]
            steps = steps + F.pad(known, (0, 0, 0, n_steps - len(known)))
        return ConditionTable(nodes, steps, self._remember(nodes, steps, anew))

    def _remember(self, nodes: Tensor, steps: Tensor, anew: bool) -> Tensor | None:
        """Run over the steps (S, C) of all nodes (M, C): (S, M, R)."""
        heard = None
        if self.dynamic is not None:
            heard = self.dynamic(nodes, self.time_encoding[: len(steps)])
        if self.lstm is None:
            return heard
        # Around a cycle the first step has a past: the last steps of the lap before.
        n_past = max(1, len(steps) // 4) if self.cyclic else 0
        past = len(steps) - n_past
        lap = torch.cat([steps[past:], steps])
        on_lap = None if heard is None else torch.cat([heard[past:], heard])
        from_node, from_step = self.from_node(nodes), self.from_step(lap)

        def run(part: slice) -> Tensor:
            assert self.lstm is not None
            told = from_node[part] + from_step[:, None]  # (S, m, R)
            if on_lap is not None:
                told = told + on_lap[:, part]
            states: Tensor = self.lstm(told)[0][n_past:]
            return states

        n_nodes = len(nodes)
        if nodes.device.type == "cpu":
            n_nodes = max(FEWEST_NODES, min(LSTM_STATES // len(lap), LSTM_NODES))
        if anew and len(nodes) * len(lap) > LSTM_STATES:
            run = partial(
                checkpoint, run, use_reentrant=False, preserve_rng_state=False
            )
        states = [run(part) for part in slices(len(nodes), n_nodes)]
        remembered = states[0] if len(states) == 1 else torch.cat(states, dim=1)
        return remembered if heard is None else remembered + heard

    def attach(
        self,
        table: ConditionTable,
        node: Tensor,
        lower: Tensor,
        upper: Tensor,
        fraction: Tensor,
    ) -> AttachedStates:
        """Look up the states of attached nodes between two steps.

        Parameters
        ----------
        table : ConditionTable
            States of all nodes at all steps.
        node : Tensor of shape (B, K)
            Attached nodes.
        lower, upper : Tensor of shape (B,)
            Steps before and after.
        fraction : Tensor of shape (B,)
            How far towards `upper`.

        Returns
        -------
        AttachedStates
            The parts of the interpolated states.
        """
        step = torch.lerp(
            look_up(table.steps, lower),
            look_up(table.steps, upper),
            fraction[:, None],
        )
        if table.memory is None:
            return AttachedStates(node, table.nodes, step, None, None)
        S, M, R = table.memory.shape
        flat = table.memory.reshape(S * M, R)
        memory = torch.lerp(
            look_up(flat, lower[:, None] * M + node),
            look_up(flat, upper[:, None] * M + node),
            fraction[:, None, None],
        )
        return AttachedStates(node, table.nodes, step, memory, self.recall.weight)

    def deviations(self, node: Tensor, weight: Tensor) -> Tensor | None:
        """Mean of what each member adds to the states of attached nodes.

        Parameters
        ----------
        node : Tensor of shape (B, K)
            Attached nodes.
        weight : Tensor of shape (B, K)
            Their shares.

        Returns
        -------
        Tensor of shape (B, E, C) or None
            The means; None for a single member.
        """
        if self.member_vectors is None:
            return None
        mean = sum_of_rows(self.member_vectors.flatten(1), node, weight)
        return mean.view(len(node), *self.member_vectors.shape[1:])

    def over_steps(self, table: ConditionTable, step_share: Tensor) -> Tensor:
        """Average the states of all nodes over steps.

        Parameters
        ----------
        table : ConditionTable
            States of all nodes at all steps.
        step_share : Tensor of shape (S',)
            Share of each of the first steps; sums to 1.

        Returns
        -------
        Tensor of shape (M, C)
            The means.
        """
        n_steps = len(step_share)
        mean = table.nodes + step_share @ table.steps[:n_steps]
        if table.memory is None:
            return mean
        memory = torch.tensordot(step_share, table.memory[:n_steps], dims=1)
        return mean + self.recall(memory)

    def over_nodes(self, table: ConditionTable, node_share: Tensor) -> Tensor:
        """Sum the states at all steps over nodes.

        Parameters
        ----------
        table : ConditionTable
            States of all nodes at all steps.
        node_share : Tensor of shape (M,)
            Share of each node, the gate included.

        Returns
        -------
        Tensor of shape (S, 1 or E, C)
            The sums, with what members add where there are several.
        """
        total = node_share @ table.nodes + node_share.sum() * table.steps  # (S, C)
        if table.memory is not None:
            memory = torch.einsum("m,smr->sr", node_share, table.memory)
            total = total + self.recall(memory)
        if self.member_vectors is None:
            return total[:, None]
        own = torch.tensordot(node_share, self.member_vectors, dims=1)  # (E, C)
        return total[:, None] + own
