"""What a running fit shows of its epochs."""

from __future__ import annotations

import logging
from typing import Any

from skorch.callbacks import Callback
from tqdm.auto import tqdm

logger = logging.getLogger("spatialheteroreg.training")


class EpochProgress(Callback):
    """Show a progress bar over the epochs, or log each one.

    Parameters
    ----------
    max_epochs : int
        Length of the bar.
    verbose : int
        1 shows a bar, 2 and more logs a line an epoch.
    """

    def __init__(self, max_epochs: int, verbose: int) -> None:
        self.max_epochs = max_epochs
        self.verbose = verbose

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Open the bar."""
        self.bar_ = tqdm(total=self.max_epochs, unit="epoch", disable=self.verbose != 1)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Move on and show the losses."""
        record = net.history[-1]
        losses = {
            name: f"{record[name]:.4f}"
            for name in ("train_loss", "valid_loss")
            if name in record
        }
        self.bar_.set_postfix(losses)
        self.bar_.update()
        if self.verbose > 1:
            logger.info("epoch %d/%d %s", record["epoch"], self.max_epochs, losses)

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        """Close the bar; it must not be pickled with the model."""
        self.bar_.close()
        del self.bar_
