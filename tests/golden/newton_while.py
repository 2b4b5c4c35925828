import math


def eccentric_anomaly(mean, eccentricity):
    """The solution E of Kepler's equation E - e sin(E) = M."""
    E = mean
    step = 1.0
    while abs(step) > 1e-10:
        step = (E - eccentricity * math.sin(E) - mean) / (1.0 - eccentricity * math.cos(E))
        E -= step
    return E
