"""The estimator keeps scikit-learn's rules and reaches scikit-learn's optimum."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

from truthmap.errors import NotEnoughDataError, UsageError
from truthmap.probes.estimator import LogisticProbe

from .conftest import Sample


@pytest.mark.parametrize(
    ("estimator", "check"),
    [pytest.param(e, c, id=c.func.__name__) for e, c in estimator_checks_generator(LogisticProbe())],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_scikit_learns_own_checks_pass(estimator: LogisticProbe, check: Callable[[Any], None]) -> None:
    check(estimator)


def test_it_is_a_scaler_and_a_logistic_regression(sample: Sample) -> None:
    states = sample.states.double().numpy()
    names = np.where(sample.y, "right", "wrong")
    found = LogisticProbe(C=0.3).fit(states, names)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.3, solver="newton-cholesky", tol=1e-12))
    model.fit(states, names)
    assert found.converged_
    np.testing.assert_allclose(found.decision_function(states), model.decision_function(states), atol=1e-3)
    np.testing.assert_allclose(found.predict_proba(states), model.predict_proba(states), atol=1e-3)
    assert (found.predict(states) == model.predict(states)).mean() > 0.99


def test_faults_are_named(sample: Sample) -> None:
    states = sample.states.numpy()
    with pytest.raises(NotEnoughDataError, match="two classes, got one class"):
        LogisticProbe().fit(states, np.zeros(len(states)))
    with pytest.raises(UsageError, match="got 3; fit one for each label against the rest"):
        LogisticProbe().fit(states, np.arange(len(states)) % 3)
    with pytest.raises(UsageError, match="C must be a positive number"):
        LogisticProbe(C=-1).fit(states, sample.y)
