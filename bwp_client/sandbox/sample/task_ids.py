"""Sample task IDs: UUIDs that encode all facts from which the sandbox derives their task.

The 128 bits are: the literal `5eed5eed`, 16 bits of the seed, the UUID version 8, 12 plain bits (kind, product, lifecycle,
code set), the UUID variant, and 62 scrambled bits (task number, time of the outcome, check bits). The scrambling makes
the IDs look as different from each other as real IDs.
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

import numpy as np

from bwp_client.sandbox.sample.catalog import CODE_SETS, PRODUCTS, Kind, Lifecycle
from bwp_client.sandbox.sample.rng import I64, U64, mix, mix_array

PREFIX: Final = "5eed5eed-"
EPOCH_2020: Final = 1_577_836_800
MAX_NUMBER: Final = (1 << 27) - 1

_LITERAL: Final = 0x5EED5EED
_LOW_62: Final = (1 << 62) - 1
_SCRAMBLE: Final = 0x1F83D9ABFB41BD6B  # odd, so multiplying by it modulo 2**62 can be undone
_UNSCRAMBLE: Final = pow(_SCRAMBLE, -1, 1 << 62)
_TIME_BITS: Final = 30
_CHECK_BITS: Final = 5


@dataclass(frozen=True, slots=True)
class TaskFields:
    """The fields of a sample task ID.

    Attributes:
        seed_tag: 16 bits of the seed.
        kind: Deletion or retrieval.
        product: An index into `PRODUCTS`.
        lifecycle: The outcomes of the task.
        code_set: An index into `CODE_SETS`; meaningful for failed tasks only.
        number: The task's number within its sample.
        at: The time of the latest outcome, or of the submission of a waiting task, in Unix seconds.
    """

    seed_tag: int
    kind: Kind
    product: int
    lifecycle: Lifecycle
    code_set: int
    number: int
    at: int


def seed_tag(seed: int) -> int:
    """Return the 16 bits of a seed that its task IDs hold; a seed of 16 bits is its own tag.

    Args:
        seed: Any non-negative integer.
    """
    return seed if seed < 1 << 16 else mix(seed) & 0xFFFF


def encode(fields: TaskFields) -> str:
    """Return the task ID that holds some fields."""
    array = np.ones(1, dtype=np.int64)
    high, low = encode_arrays(
        fields.seed_tag,
        kind=array * int(fields.kind),
        product=array * fields.product,
        lifecycle=array * int(fields.lifecycle),
        code_set=array * fields.code_set,
        number=array * fields.number,
        at=array * fields.at,
    )
    return str(UUID(int=(int(high[0]) << 64) | int(low[0])))


def encode_arrays(
    tag: int, *, kind: I64, product: I64, lifecycle: I64, code_set: I64, number: I64, at: I64
) -> tuple[U64, U64]:
    """Return the IDs of many tasks as their upper and lower 64 bits, each of shape (n,).

    Args:
        tag: The result of `seed_tag`.
        kind: See `TaskFields`; of shape (n,), like the following arguments.
        product: See `TaskFields`.
        lifecycle: See `TaskFields`.
        code_set: See `TaskFields`.
        number: See `TaskFields`.
        at: See `TaskFields`.
    """
    clear = (kind << 11) | (product << 8) | (lifecycle << 5) | code_set
    high = np.uint64((_LITERAL << 32) | (tag << 16) | 0x8000) | clear.astype(np.uint64)
    content = ((number << _TIME_BITS) | (at - EPOCH_2020)).astype(np.uint64)
    checked = (content << np.uint64(_CHECK_BITS)) | (mix_array(content ^ high) >> np.uint64(64 - _CHECK_BITS))
    low = ((checked * np.uint64(_SCRAMBLE)) & np.uint64(_LOW_62)) | np.uint64(1 << 63)
    return high, low


def decode(task_id: str) -> TaskFields | None:
    """Return the fields of a task ID; None when it is not a sample task ID.

    Args:
        task_id: Any text.
    """
    if len(task_id) != 36 or not task_id.startswith(PREFIX):
        return None
    try:
        value = UUID(task_id).int
    except ValueError:
        return None
    high, low = value >> 64, value & ((1 << 64) - 1)
    checked = ((low & _LOW_62) * _UNSCRAMBLE) & _LOW_62
    content = checked >> _CHECK_BITS
    kind, product, lifecycle, code_set = high >> 11 & 1, high >> 8 & 7, high >> 5 & 7, high & 31
    if (
        (high >> 12 & 0xF, low >> 62) != (8, 0b10)
        or checked & 31 != mix(content ^ high) >> (64 - _CHECK_BITS)
        or product >= len(PRODUCTS)
        or lifecycle >= len(Lifecycle)
        or code_set >= len(CODE_SETS)
    ):
        return None
    return TaskFields(
        seed_tag=high >> 16 & 0xFFFF,
        kind=Kind(kind),
        product=product,
        lifecycle=Lifecycle(lifecycle),
        code_set=code_set,
        number=content >> _TIME_BITS,
        at=(content & ((1 << _TIME_BITS) - 1)) + EPOCH_2020,
    )
