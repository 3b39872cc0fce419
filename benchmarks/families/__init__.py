"""A sweep over every kind of model that transformers can load for text: each obeys the laws of states or is refused."""
