"""L2-regularised logistic regression for many rows of labels on the same states."""
