"""The spatiotemporal condition: a state for every node at every step."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .layers import LSTM, Linear


class GraphConvolution(nn.Module):
    r"""Mix each node with its neighbors: :math:`\hat A H W + b`.

    The same as `torch_geometric.nn.GCNConv` on a normalized graph, as one
    sparse product over all steps at once (7 to 15 times faster for our shapes).

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
    >>> layer(torch.zeros(12, 3, 4), torch.eye(3).to_sparse()).shape
    torch.Size([12, 3, 4])
    """

    def __init__(self, d_in: int, d_out: int) -> None:
        super().__init__()
        self.linear = Linear(d_in, d_out, bias=False)
        self.bias = nn.Parameter(torch.zeros(d_out))

    def forward(self, states: Tensor, adjacency: Tensor) -> Tensor:
        """Mix states (S, M, D) along the sparse adjacency (M, M)."""
        S, M, _ = states.shape
        mixed = self.linear(states).transpose(0, 1).reshape(M, -1)  # (M, S D)
        mixed = torch.sparse.mm(adjacency, mixed)
        return mixed.view(M, S, -1).transpose(0, 1) + self.bias


class ConditionEncoder(nn.Module):
    r"""Encode what nobody measured, for every node and step.

    The paper's spatiotemporal conditional graph. A node starts from a learned
    vector, its position and the time of the step; graph convolutions mix
    neighbors; an LSTM runs over the steps of each node:

    .. math::
        H^{(0)}_{s,m} &= e_m + W_p\, p_m + W_t\, t_s + g_s \\
        H^{(l+1)} &= H^{(l)} + \mathrm{relu}(\hat A H^{(l)} W_l + b_l) \\
        C_{s,m} &= H_{s,m} + W_r\, \mathrm{LSTM}(H_{1..s,m})

    where :math:`g_s` is a learned vector of the step where steps run along the
    whole span of the data, and absent where they run around a cycle. Steps
    after the training times have :math:`g_s = 0`.

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
        Width of a state.
    gcn_layers, lstm_layers : int
        Number of layers; 0 leaves the part out.

    Examples
    --------
    >>> from spatialheteroreg.network.layers import RandomSource, initialize
    >>> encoder = ConditionEncoder(
    ...     torch.eye(3), torch.eye(3).to_sparse(), torch.zeros(12, 5), 12, True,
    ...     d_condition=8, gcn_layers=1, lstm_layers=1,
    ... )
    >>> initialize(encoder, RandomSource(0))(n_steps=12).shape
    torch.Size([12, 3, 8])
    """

    positions: Tensor
    time_encoding: Tensor
    adjacency_index: Tensor
    adjacency_value: Tensor

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
    ) -> None:
        super().__init__()
        self.n_steps = n_steps
        self.cyclic = cyclic
        self.register_buffer("positions", positions)
        self.register_buffer("time_encoding", time_encoding)
        adjacency = adjacency.coalesce()
        self.register_buffer("adjacency_index", adjacency.indices())
        self.register_buffer("adjacency_value", adjacency.values())
        self.node_vectors = nn.Parameter(torch.empty(len(positions), d_condition))
        self.position = Linear(positions.shape[1], d_condition, bias=False)
        self.time = Linear(time_encoding.shape[1], d_condition, bias=False)
        self.step_vectors = (
            None if cyclic else nn.Parameter(torch.empty(n_steps, d_condition))
        )
        self.convolutions = nn.ModuleList(
            GraphConvolution(d_condition, d_condition) for _ in range(gcn_layers)
        )
        # A narrow memory: as wide as the states it learns single months by heart.
        d_memory = max(1, d_condition // 4)
        self.lstm = None
        if lstm_layers:
            self.lstm = LSTM(d_condition, d_memory, num_layers=lstm_layers)
            self.recall = Linear(d_memory, d_condition, bias=False)

    def draw_parameters(self, generator: torch.Generator) -> None:
        """Draw small node and step vectors, so that places begin alike."""
        self.node_vectors.normal_(std=0.1, generator=generator)
        if self.step_vectors is not None:
            self.step_vectors.normal_(std=0.1, generator=generator)

    def forward(self, n_steps: int) -> Tensor:
        """Compute the states of all nodes at the first steps.

        Parameters
        ----------
        n_steps : int
            Steps wanted; may exceed the training steps of a sequence.

        Returns
        -------
        Tensor of shape (n_steps, M, d_condition)
            The table of condition vectors.
        """
        node = self.node_vectors + self.position(self.positions)  # (M, C)
        step = self.time(self.time_encoding[:n_steps])  # (S, C)
        if self.step_vectors is not None:
            known = self.step_vectors[:n_steps]
            step = step + F.pad(known, (0, 0, 0, n_steps - len(known)))
        states = node[None] + step[:, None]  # (S, M, C)
        # A plain construction skips the checks of coalesce: the graph is frozen.
        adjacency = torch.sparse_coo_tensor(
            self.adjacency_index,
            self.adjacency_value,
            (len(node), len(node)),
            is_coalesced=True,
            check_invariants=False,
        )
        for convolution in self.convolutions:
            states = states + torch.relu(convolution(states, adjacency))
        if self.lstm is None:
            return states
        # Around a cycle the first step has a past: the last steps of the lap before.
        past = states[-max(1, n_steps // 4) :] if self.cyclic else states[:0]
        remembered, _ = self.lstm(torch.cat([past, states]))
        return states + self.recall(remembered[len(past) :])
