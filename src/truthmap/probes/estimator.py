"""The probe as a scikit-learn estimator, for use outside a grid."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from truthmap.arrays import AnyArray
from truthmap.errors import NotEnoughDataError, UsageError
from truthmap.probes.linear import fit_probe


class LogisticProbe(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """L2-regularised logistic regression on standardised features, fitted to its optimum.

    The objective is that of scikit-learn's `LogisticRegression` after a `StandardScaler`.

    Args:
        C: Inverse strength of regularisation.

    Attributes:
        coef_: float64 (1, d), for the features as they come.
        intercept_: float64 (1,).
        classes_: (2,), the labels in ascending order; the second is the one that scores speak for.
        converged_: Whether the fit is at its optimum.
        gap_: Its certificate, see `solver.CLOSE`.
        n_features_in_: d.
    """

    def __init__(self, C: float = 1.0) -> None:
        self.C = C

    def fit(self, X: Any, y: Any) -> LogisticProbe:
        """Fit X: float (n, d) to two labels y: (n,).

        Raises:
            UsageError: C is not positive, or there are more than two labels.
            NotEnoughDataError: there is only one label.
        """
        if not self.C > 0:
            raise UsageError(f"C must be a positive number, got {self.C}")
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        self.classes_ = np.unique(y)
        if len(self.classes_) < 2:
            raise NotEnoughDataError(f"LogisticProbe needs two classes, got one class: {self.classes_[0]!r}")
        if len(self.classes_) > 2:
            raise UsageError(
                f"Only binary classification is supported. LogisticProbe tells two labels apart, got "
                f"{len(self.classes_)}; fit one for each label against the rest"
            )
        probe = fit_probe(torch.tensor(X), y == self.classes_[1], self.C)
        weight = probe.weight / probe.scale
        self.coef_ = weight[None]
        self.intercept_ = np.array([probe.bias - probe.mean @ weight])
        self.converged_, self.gap_ = probe.converged, probe.gap
        return self

    def decision_function(self, X: Any) -> AnyArray:
        """Return the log-odds of the second label: X float (n, d) → float64 (n,)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return np.asarray(X @ self.coef_[0] + self.intercept_[0])

    def predict_proba(self, X: Any) -> AnyArray:
        """Return the probability of each label: X float (n, d) → float64 (n, 2)."""
        second = expit(self.decision_function(X))
        return np.stack([1 - second, second], axis=1)

    def predict(self, X: Any) -> AnyArray:
        """Return the likelier label: X float (n, d) → (n,)."""
        second = self.decision_function(X) > 0
        return np.asarray(self.classes_[second.astype(int)])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags
