"""Every statistic, once."""
