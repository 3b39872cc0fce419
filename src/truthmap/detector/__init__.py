"""The sealed artifact, calibration, guarantee, drift; asking and scoring with it."""
