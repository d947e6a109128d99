"""scikit-learn's callbacks, which 1.9 has: who is told of the epochs of an estimator.

Place on the road: beneath the estimators. ``sklearn.callback`` is imported where there
is somebody to tell, and not before: it brings a library for progress bars along.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from ..training import Callback, Run

#: Why it ends where a callback of scikit-learn asks for it.
ASKED = "a callback asked to stop"


class CallbackSupport:
    """What ``sklearn.callback.CallbackSupportMixin`` offers."""

    def set_callbacks(self, *callbacks: Any) -> Self:
        """Tells these objects of every epoch of a fit; without any, nobody.

        Arguments:
            callbacks: such as ``sklearn.callback.ProgressBar()``.

        Returns:
            The estimator.
        """
        from sklearn.callback import CallbackSupportMixin

        CallbackSupportMixin.set_callbacks(self, *callbacks)
        return self

    def _init_callback_context(self, **options: Any) -> Any:
        from sklearn.callback import CallbackSupportMixin

        return CallbackSupportMixin._init_callback_context(self, **options)

    def _is_watched(self) -> bool:
        """Whether there is somebody to tell, or an estimator around this one that
        counts what is inside it.
        """
        return "_skl_callbacks" in vars(self) or "_parent_callback_ctx" in vars(self)

    def _told(self, method: Callable[..., Any]) -> Callable[..., Any]:
        """A method of this object, after whose end callbacks are closed."""
        if not self._is_watched():
            return method
        from sklearn.callback import with_callbacks

        def call(_: Any, *args: Any) -> Any:
            return method(*args)

        closing = with_callbacks(call)
        return lambda *args: closing(self, *args)


class Report(Callback):
    """Tells scikit-learn's callbacks of every epoch.

    Arguments:
        estimator: the estimator that is fitted.
        context: its callback context.
        given: what the hooks may ask for: X, y and metadata.
    """

    def __init__(self, estimator: Any, context: Any, given: dict[str, Any]) -> None:
        self.estimator = estimator
        self.context = context
        self.given = given

    def on_epoch_start(self, run: Run) -> None:
        """A task begins."""
        self.task = self.context.subcontext(task_name="epoch")
        self.task.call_on_fit_task_begin(
            estimator=self.estimator,
            **self.given,
            reconstruction_attributes=lambda: {"n_iter_": run.epoch},
        )

    def on_epoch_end(self, run: Run) -> None:
        """It ends; a hook may ask to stop."""
        if self.task.call_on_fit_task_end(
            estimator=self.estimator,
            **self.given,
            reconstruction_attributes=lambda: {"n_iter_": run.epoch},
        ):
            run.stop(ASKED)
