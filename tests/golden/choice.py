def slope(x, y):
    if x > y:
        z = x * y
    else:
        z = x
    return z * z
