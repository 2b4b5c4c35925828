def path_length(start, speed, steps):
    positions = [start]
    for k in range(steps):
        positions.append(positions[-1] + speed * k)
    total = 0.0
    for p in positions:
        total += p * p
    return total
