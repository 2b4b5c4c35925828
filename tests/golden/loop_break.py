def series(x, tolerance):
    """exp(x), summed until its terms are small."""
    total = 1.0
    term = 1.0
    for k in range(1, 100):
        term = term * x / k
        if abs(term) < tolerance:
            break
        total += term
    return total
