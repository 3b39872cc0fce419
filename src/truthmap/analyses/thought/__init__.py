"""When a model that thinks knows: the correctness of its final answer, read along its thought."""
