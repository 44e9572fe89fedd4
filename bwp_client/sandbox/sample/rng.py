"""Random-looking numbers that are a pure function of what they are for.

A generator with a state would tie every number to the order in which numbers are asked for. The sandbox must derive
one task alone, long after its event was written in a batch of thousands, so each number is a hash (SplitMix64) of a key
and an index, and the same function exists for one integer and for an array.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

U64 = npt.NDArray[np.uint64]
F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

_MASK: Final = (1 << 64) - 1
_STEP: Final = 0x9E3779B97F4A7C15
_FIRST: Final = 0xBF58476D1CE4E5B9
_SECOND: Final = 0x94D049BB133111EB


def mix(value: int) -> int:
    """Scatter one 64-bit integer over all 64 bits.

    Args:
        value: Any non-negative integer; only its low 64 bits count.
    """
    value &= _MASK
    value = ((value ^ (value >> 30)) * _FIRST) & _MASK
    value = ((value ^ (value >> 27)) * _SECOND) & _MASK
    return value ^ (value >> 31)


def mix_array(values: U64) -> U64:
    """Scatter each element, exactly as `mix` does for one integer.

    Args:
        values: Unsigned 64-bit integers; the input is left alone.
    """
    mixed = (values ^ (values >> np.uint64(30))) * np.uint64(_FIRST)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(_SECOND)
    mixed ^= mixed >> np.uint64(31)
    return mixed


def key(seed: int, stream: str) -> int:
    """Give the key of one named stream of numbers.

    Args:
        seed: The sample's seed.
        stream: What the numbers are for; two names never share numbers.
    """
    value = mix(seed + 1)
    for byte in stream.encode():
        value = mix(value ^ byte)
    return value


def draw(stream_key: int, index: int) -> int:
    """Draw the 64-bit number at `index` of a stream.

    Args:
        stream_key: What `key` or `mix` gave.
        index: The position in the stream.
    """
    return mix(stream_key + (index + 1) * _STEP)


def draw_array(stream_key: int, indices: I64 | U64) -> U64:
    """Draw the 64-bit numbers at `indices` of a stream.

    Args:
        stream_key: What `key` gave.
        indices: Non-negative positions in the stream.
    """
    return mix_array((indices.astype(np.uint64) + np.uint64(1)) * np.uint64(_STEP) + np.uint64(stream_key))


def unit(number: int) -> float:
    """Turn a 64-bit number into a fraction of one.

    Args:
        number: A 64-bit integer.
    """
    return (number >> 11) * 2.0**-53


def unit_array(numbers: U64) -> F64:
    """Turn 64-bit numbers into fractions of one.

    Args:
        numbers: Unsigned 64-bit integers.
    """
    return (numbers >> np.uint64(11)).astype(np.float64) * 2.0**-53
