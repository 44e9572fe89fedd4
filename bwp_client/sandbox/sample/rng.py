"""Counter-based random numbers: each is a hash (SplitMix64) of a key and an index.

The sandbox derives a single task long after its event was written among thousands of others, so a number must not depend on
the order of the draws. The sample draws whole arrays, the sandbox draws single integers, and both must agree exactly. NumPy's
counter-based generator (Philox) has no draw at an array of indices, hence the hash, for integers and for arrays.
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
    """Return the hash of an integer.

    Args:
        value: Any non-negative integer; only its low 64 bits count.
    """
    value &= _MASK
    value = ((value ^ (value >> 30)) * _FIRST) & _MASK
    value = ((value ^ (value >> 27)) * _SECOND) & _MASK
    return value ^ (value >> 31)


def mix_array(values: U64) -> U64:
    """Return the hash of each element, equal to `mix` of the integer.

    Args:
        values: Unsigned 64-bit integers, of any shape; they are not changed.
    """
    mixed = (values ^ (values >> np.uint64(30))) * np.uint64(_FIRST)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(_SECOND)
    mixed ^= mixed >> np.uint64(31)
    return mixed


def key(seed: int, stream: str) -> int:
    """Return the key of a named stream of random numbers.

    Args:
        seed: The sample's seed.
        stream: The name; two streams are independent.
    """
    value = mix(seed + 1)
    for byte in stream.encode():
        value = mix(value ^ byte)
    return value


def draw(stream_key: int, index: int) -> int:
    """Return the 64-bit number at an index of a stream.

    Args:
        stream_key: A result of `key` or `mix`.
        index: The index in the stream, from 0.
    """
    return mix(stream_key + (index + 1) * _STEP)


def draw_array(stream_key: int, indices: I64 | U64) -> U64:
    """Return the 64-bit numbers at indices of a stream.

    Args:
        stream_key: A result of `key`.
        indices: Indices in the stream, from 0, of any shape.

    Returns:
        Unsigned 64-bit integers, of the same shape.
    """
    return mix_array((indices.astype(np.uint64) + np.uint64(1)) * np.uint64(_STEP) + np.uint64(stream_key))


def unit(number: int) -> float:
    """Return a 64-bit number as a fraction from 0 up to, but not including, 1."""
    return (number >> 11) * 2.0**-53


def unit_array(numbers: U64) -> F64:
    """Return 64-bit numbers as fractions from 0 up to, but not including, 1, of the same shape."""
    return (numbers >> np.uint64(11)).astype(np.float64) * 2.0**-53
