"""scikit-learn's callbacks, which came with its version 1.9."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from skorch.callbacks import Callback

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn < 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands in where scikit-learn has no callbacks."""

        def _init_callback_context(self, **kwargs: Any) -> NoContext:
            return NoContext()

    def with_callbacks(method: Callable[..., Any]) -> Callable[..., Any]:
        """Stands in where scikit-learn has no callbacks."""
        return method


__all__ = ["CallbackSupportMixin", "FitTask", "TellCallbacks", "with_callbacks"]


class NoContext:
    """A task that nobody listens to."""

    def subcontext(self, **kwargs: Any) -> NoContext:
        """Return a part of the task."""
        return self

    def call_on_fit_task_begin(self, **kwargs: Any) -> None:
        """Tell nobody."""

    def call_on_fit_task_end(self, **kwargs: Any) -> bool:
        """Tell nobody, who does not ask to stop."""
        return False


class FitTask:
    """A call of fit, as scikit-learn's callbacks see it.

    Parameters
    ----------
    estimator : estimator
        What is fitted, with :class:`CallbackSupportMixin`.
    X, y : array_like
        What it is fitted to.
    sample_weight : array_like or None
        Weights, if any were passed.
    """

    def __init__(self, estimator: Any, X: Any, y: Any, sample_weight: Any) -> None:
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self.passed = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
        epochs = estimator.max_iter
        self.context = estimator._init_callback_context(
            # "auto" is known once the rows are.
            task_name="fit",
            max_subtasks=None if isinstance(epochs, str) else epochs,
        )
        self.context.call_on_fit_task_begin(**self.passed)

    def end(self) -> None:
        """Tell that the estimator is fitted."""
        self.context.call_on_fit_task_end(**self.passed, reconstruction_attributes=dict)


class TellCallbacks(Callback):
    """Make each epoch a task of scikit-learn's callbacks.

    Parameters
    ----------
    task : FitTask
        The call of fit.
    snapshot : callable
        Takes the net, and returns the attributes of an estimator that would
        have been fitted so far. It is called when a callback asks for one.

    Attributes
    ----------
    stopped_ : bool
        Whether a callback asked to stop.
    """

    of_one_fit = True

    def __init__(
        self, task: FitTask, snapshot: Callable[[Any], dict[str, Any]]
    ) -> None:
        self.task = task
        self.snapshot = snapshot
        self.stopped_ = False

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Begin a task."""
        self.epoch_ = self.task.context.subcontext(task_name="epoch")
        self.epoch_.call_on_fit_task_begin(**self.task.passed)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """End the task, and the training if a callback asks for it."""
        self.stopped_ = self.epoch_.call_on_fit_task_end(
            **self.task.passed, reconstruction_attributes=lambda: self.snapshot(net)
        )
        if self.stopped_:
            # skorch's way to end the training in good order.
            raise KeyboardInterrupt
