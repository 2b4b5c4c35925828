"""Snippets of several lines: containers, objects, arguments of every kind.  `wide` says what stands for what."""

from __future__ import annotations

#: What the snippets call; it stands in front of every program.
PRELUDE = """\
class Step(NamedTuple):
    rate: float
    state: np.ndarray
    gain: float = 0.5


@dataclasses.dataclass
class Body:
    place: np.ndarray
    speed: float
    mass: float = 1.3

    def energy(self):
        return 0.5 * self.mass * self.speed**2 + np.sin(self.place).sum()

    def push(self, force):
        self.speed += 0.3 * force
        self.place[1:] *= 0.9


class Smoother:
    def __init__(self, rate, start=0.2):
        self.rate = rate
        self.level = start
        self.seen = 0

    def see(self, y):
        self.level += self.rate * (np.tanh(y) - self.level)
        self.seen += 1
        return self.level


def advance(step, force=0.1):
    return step._replace(state=np.sin(step.state + force) * step.gain, rate=0.9 * step.rate)


def drift(body, by):
    body.place = body.place * 0.8 + by
    return dataclasses.replace(body, speed=body.speed * by)


def energy(parts):
    return parts["p"] ** 2 + 0.5 * np.cos(parts["q"]).sum()


def blend(*terms, scale=0.5, **named):
    total = scale * sum(terms)
    for key, value in named.items():
        total = total + (0.3 * value if key == "tilt" else 0.1 * value * scale)
    return total


def definite(m):
    return 0.3 * m @ m.T + np.eye(len(m)) * (0.5 * len(m))


"""

SNIPPETS = [text.strip() for text in """
d<u> = {"one": <e>, "two": <e>}
for key<u> in d<u>:
    d<u>[key<u>] *= <e>
for key<u>, y<u> in d<u>.items():
    total += 0.3 * y<u>
---
d<u> = {}
for j<u> in range(3):
    d<u>[j<u>] = <V>[j<u>] * <e>
d<u>[1] += d<u>[0]
total += 0.2 * sum(d<u>.values())
---
d<u> = {"p": <e>, "q": <v>}
d<u>["q"][<i>] *= 0.7
d<u>["p"] -= <e>
total += 0.2 * energy(d<u>)
---
d<u> = {j: np.sin(<V>[j] + j) for j in range(3)}
d<u> |= {3: <e>}
total += 0.2 * (d<u>[0] * d<u>[2] + d<u>.get(3, 0.1) + d<u>.pop(1))
---
L<u> = [<e>, <e>, <e>]
L<u>[1] += <e>
L<u>[k % 3] = L<u>[-1] * L<u>[0]
L<u>[0], L<u>[2] = L<u>[2], L<u>[0]
total += 0.2 * (L<u>[0] - L<u>[1] * L<u>[2])
---
L<u> = [<v>, <V>.copy()]
L<u>[0][<i>] *= 0.6
L<u>[1] += L<u>[0]
L<u>.append(<v>)
total += 0.1 * (sum(L<u>) @ L<u>[-1])
---
L<u> = []
for y<u> in <V>:
    if y<u> > <c>:
        L<u>.append(y<u> * <e>)
total += 0.2 * sum(L<u>)
---
L<u> = [<e>, <e>]
L<u>.insert(1, <e>)
L<u>.extend([<e>, 0.3])
total += 0.2 * L<u>.pop() * L<u>.pop(0) + 0.1 * sum([*L<u>, <e>])
---
L<u> = [[y * z for z in (<e>, 0.5)] for y in (<e>, <e>)]
L<u>[1][0] -= <e>
total += 0.2 * np.sum(np.array(L<u>) ** 2)
---
b<u> = Body(<v>, <e>)
b<u>.push(<e>)
b<u>.place[<i>] *= 0.5
b<u>.mass = 1.0 + b<u>.speed ** 2
total += 0.2 * b<u>.energy()
---
b<u> = Body(place=<v>, speed=<e>)
c<u> = drift(b<u>, <e>)
c<u>.speed += b<u>.speed
total += 0.1 * (b<u>.energy() - c<u>.energy() * c<u>.place[<i>])
---
b<u> = Body(<v>, <e>, <q>)
for j<u> in range(n):
    b<u>.speed = 0.9 * b<u>.speed + 0.1 * b<u>.place[j<u>]
    b<u>.place[j<u>] -= 0.2 * b<u>.speed
total += 0.2 * b<u>.energy()
---
p<u> = Step(<e>, <v>)
for j<u> in range(k):
    p<u> = advance(p<u>, force=<e>)
total += 0.2 * (p<u>.rate * p<u>.state.sum() + p<u>.gain)
---
p<u> = Step(rate=<e>, state=<v>, gain=<e>)
rate<u>, state<u>, *_ = advance(p<u>)
total += 0.2 * rate<u> * (state<u> @ p<u>.state)
---
f<u> = Smoother(0.3 + 0.1 * <e>)
for y<u> in <V>:
    total += 0.1 * f<u>.see(y<u>)
total += 0.2 * f<u>.level / f<u>.seen
---
f<u> = Smoother(0.4, start=<e>)
f<u>.rate *= <e>
f<u>.trail = <v>
f<u>.trail[<i>] = f<u>.see(<e>)
total += 0.2 * f<u>.trail.sum() + f<u>.level
---
total += 0.2 * blend(<e>, <e>, scale=<e>, tilt=<e>)
total += 0.1 * blend(*(<e>, <e>), **{"scale": <e>, "bend": <e>})
---
def join<u>(first, /, *others, by=0.5, **more):
    return first * by + sum(others) * 0.2 + sum(more.values())
total += 0.2 * join<u>(<e>, *[<e>, 0.3], by=<e>) - 0.1 * join<u>(<e>, z=<e>)
---
first<u>, *others<u> = <v>
total += 0.2 * first<u> * sum(others<u>) + others<u>[-1]
---
*others<u>, last<u> = [<e>, <e>, <e>]
others<u>[0] *= last<u>
total += 0.2 * (others<u>[0] + others<u>[1])
---
match k:
    case 0 | 1:
        total += 0.3 * <e>
    case 2 if n > 3:
        total -= 0.2 * <e>
    case _:
        total *= 0.9 + 0.05 * <e>
---
match [<e>, <e>, <e>]:
    case [y<u>, *z<u>]:
        total += 0.2 * y<u> * sum(z<u>)
---
match {"kind": "disc", "r": <e>}:
    case {"kind": "disc", "r": r<u>}:
        total += 0.3 * r<u> ** 2
---
match Step(<e>, <v>):
    case Step(rate=r<u>, state=y<u>):
        total += 0.2 * r<u> * y<u>.sum()
---
if (w<u> := <e>) > <c>:
    total += 0.3 * w<u> * w<u>
else:
    total -= 0.2 * w<u>
---
total += 0.2 * sum([w<u> * y for y in <V> if (w<u> := np.sin(y)) > <c>])
---
t<u> = <e>
def put<u>(y):
    nonlocal t<u>
    t<u> = 0.7 * t<u> + np.sin(y)
put<u>(<e>)
put<u>(<V>[<i>])
total += 0.3 * t<u>
---
try:
    t<u> = 0.5 * <e>
finally:
    total += 0.1
total += t<u>
---
with np.errstate(all="ignore"):
    t<u> = np.where(<V> > 0.3, np.log(np.abs(<V>) + 0.1), 0.0)
total += 0.1 * t<u>.sum()
---
rows<u> = [<M>[j] * <e> for j in range(3)]
rows<u>[1] = rows<u>[0] * rows<u>[2]
rows<u>[2][1:] *= 0.5
total += 0.1 * np.stack(rows<u>).sum()
---
rows<u> = [y * np.cos(<V>) for y in <V>]
total += 0.1 * (np.stack(rows<u>, axis=1) @ <V>).sum() + 0.1 * np.vstack(rows<u>)[1, 0]
---
held<u> = (<v>, <m>)
held<u>[0][1:] *= <e>
held<u>[1][<i>] = held<u>[0]
total += 0.1 * (held<u>[1] @ held<u>[0]).sum()
---
fns<u> = [lambda y, by=j: y * by + 0.2 for j in range(1, 4)]
total += 0.1 * sum(g(<e>) for g in fns<u>)
---
total += 0.2 * functools.reduce(lambda p, q: 0.5 * p * q + q, <V>)
---
total += 0.1 * sum(itertools.accumulate([<e>, <e>, <e>], lambda p, q: p * q + 0.3))
---
total += 0.1 * sum(p * q for p, q in itertools.pairwise(<V>))
---
for y<u>, z<u> in zip(map(np.sin, <V>), reversed(<V>), strict=True):
    total += 0.1 * y<u> * z<u>
---
for row<u> in <M>:
    for y<u> in row<u>[1:]:
        total += 0.1 * np.sin(y<u>)
---
x<u> = <V>.copy()
x<u>.sort()
total += 0.2 * x<u>[0] * x<u>[-1]
---
z<u> = <v>
np.copyto(z<u>, <V>, where=<V> < 0.413)
np.put(z<u>, [1, 0], <e>)
b<u> = <m>
np.fill_diagonal(b<u>, 0.3 * z<u>[0])
total += 0.2 * (b<u> @ z<u>).sum()
---
z<u> = <m>
np.put_along_axis(z<u>, idx[:, None], <e>, axis=1)
total += 0.1 * (z<u> @ <V>).sum()
---
z<u> = <v>
z<u>[1:].fill(<e>)
total += 0.3 * z<u>.item(0) + z<u>.sum()
---
r<u>: float = np.tanh(<e>) * round(k / 2) + 0.3
total += 0.1 * r<u> * int(2.7) * <e>
---
z<u> = <v>
m<u> = z<u> > <c>
z<u>[~m<u>] *= 0.5
z<u>[m<u>] = <e>
total += 0.2 * (z<u> @ <V>)
---
z<u> = np.empty_like(x)
z<u>[:] = <v>
np.add.at(z<u>, idx, 0.3 * <v>)
np.subtract.at(z<u>, [0, -1], <e>)
total += 0.2 * (z<u> @ <V>)
---
q<u>, r<u> = divmod(3.3 * <q>, 0.7)
total += 0.1 * q<u> + r<u>
---
z<u> = (<m>).reshape(-1)
z<u>[::2] *= <e>
total += 0.1 * z<u>.sum() ** 2
""".split("---")]
