"""Lists that grow where their length is not known: stacks of numbers, or of arrays of one size."""

from __future__ import annotations

from ..ir.graph import Value
from ..ir.types import Scalar
from ..ops import stack as stacks
from ..ops.index import index as index_op
from . import arrays
from .numbers import Kind, join_kinds, kind_of, number_value
from .state import State
from .templates import Element, Lost
from .values import Abstract, ArrayRef, ListRef, Num, Object

LOCKED_ELEMENT = "is an element of a list that grows"


def element_of(st: State, item: Abstract) -> Element | None:
    """What a list with this item holds; None if a list with it cannot be a stack."""
    kind = kind_of(item)
    if kind is not None:
        return Element(Scalar(kind.dtype), kind.python, kind.mixed)
    if isinstance(item, ArrayRef):
        return Element(arrays.type_of(st, item), False, False, arrays.dims_of(st, item))
    return None


def widen_element(a: Element, b: Element) -> Element | Lost:
    """What stands for both."""
    hint = "keep elements of different kinds in different lists"
    if isinstance(a.type, Scalar) != isinstance(b.type, Scalar):
        return Lost("a list that grows holds both numbers and arrays", hint)
    if isinstance(a.type, Scalar):
        kind = join_kinds(
            Kind(a.type.dtype, a.python, a.mixed), Kind(b.type.dtype, b.python, b.mixed)
        )
        if kind is None:
            return Lost("a list that grows holds numbers of different dtypes", hint)
        return Element(Scalar(kind.dtype), kind.python, kind.mixed)
    if a.type.dtype != b.type.dtype or a.type.rank != b.type.rank:
        return Lost("a list that grows holds arrays of different dtypes or ranks", hint)
    return a


def element_value(st: State, item: Abstract, element: Element) -> Value:
    """An item as a value that is pushed on a stack of such elements."""
    if isinstance(element.type, Scalar):
        return number_value(st, item, element.type.dtype)
    assert isinstance(item, ArrayRef)
    value = arrays.read(st, item)
    for have, want in zip(arrays.dims_of(st, item), element.dims, strict=True):
        st.check_same(have, want, "the arrays of a list that grows are all of one shape")
    return value


def as_element(st: State, value: Value, element: Element) -> Abstract:
    """What reading an element gives. An array is seen by the list as well, so it is locked."""
    if isinstance(element.type, Scalar):
        return Num(value, element.python, element.mixed)
    made = st.new_array(value)
    made.object.locked = LOCKED_ELEMENT
    return made


def sizes(st: State, element: Element) -> list[Value]:
    return [st.b.const(d) if isinstance(d, int) else d for d in element.dims]


def push(st: State, made: Object, item: Abstract) -> None:
    """`list.append` on a stack."""
    element = st.elements[made]
    new = element_of(st, item)
    if new is None:
        st.refuse(
            "a list that grows in a loop holds numbers, or arrays of one shape",
            "keep a list per part of a tuple",
        )
    widened = widen_element(element, new)
    if isinstance(widened, Lost):
        st.refuse(widened.reason, widened.hint)
    if widened.type != element.type:
        st.refuse(
            "floats are appended to a list that began with integers", "begin the list with floats"
        )
    if isinstance(item, ArrayRef):
        item.object.locked = item.object.locked or LOCKED_ELEMENT
    st.elements[made] = widened
    value = element_value(st, item, widened)
    st.write(made, st.b.emit(stacks.push, st.version(made), value))


def length(st: State, made: Object) -> Value:
    return st.b.emit(stacks.length, st.version(made))


def checked_index(st: State, made: Object, index: Value) -> Value:
    return st.b.emit(index_op, index, length(st, made))


def peek(st: State, made: Object, index: Value) -> Abstract:
    """Element `index`, which is within bounds."""
    element = st.elements[made]
    value = st.b.emit(stacks.peek, st.version(made), index, *sizes(st, element))
    return as_element(st, value, element)


def poke(st: State, made: Object, index: Value, item: Abstract) -> None:
    """`xs[index] = item`, `index` being within bounds."""
    element = st.elements[made]
    new = element_of(st, item)
    widened = None if new is None else widen_element(element, new)
    if widened is None or isinstance(widened, Lost) or widened.type != element.type:
        st.refuse("this is not of the type of the list's other elements")
    if isinstance(item, ArrayRef):
        item.object.locked = item.object.locked or LOCKED_ELEMENT
    st.elements[made] = widened
    value = element_value(st, item, widened)
    st.write(made, st.b.emit(stacks.poke, st.version(made), value, index))


def pop(st: State, made: Object) -> Abstract:
    """`list.pop()`; popping from an empty list stops the kernel."""
    element = st.elements[made]
    last = st.b.emit(index_op, st.b.const(-1), length(st, made))
    item = peek(st, made, last)
    shorter, _ = st.b.emit(
        stacks.pop, st.version(made), *sizes(st, element),
        ones=tuple(isinstance(d, int) for d in element.dims),
    )  # fmt: skip
    st.write(made, shorter)
    return item


def to_stack(st: State, ref: ListRef) -> bool:
    """Turns a list of known length into a stack. False if its items do not allow it."""
    entry = st.heap[ref.object]
    if isinstance(entry, Value):
        return True
    made = stack_of(st, entry)
    if made is None:
        return False
    value, element = made
    st.elements[ref.object] = element
    st.heap[ref.object] = value
    return True


def stack_of(st: State, items: tuple[Abstract, ...]) -> tuple[Value, Element] | None:
    """The items as a stack; None if they are not alike."""
    joined: Element | None = None
    for item in items:
        element = element_of(st, item)
        if element is None:
            return None
        widened = element if joined is None else widen_element(joined, element)
        if isinstance(widened, Lost):
            return None
        joined = widened
    if joined is None:
        return None
    value = st.b.emit(stacks.new, element=joined.type)
    for item in items:
        if isinstance(item, ArrayRef):
            item.object.locked = item.object.locked or LOCKED_ELEMENT
        value = st.b.emit(stacks.push, value, element_value(st, item, joined))
    return value, joined
