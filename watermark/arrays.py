"""Names for the arrays that pass through the library; shapes are in the docstrings."""

from typing import Any

import numpy.typing as npt

Floats = npt.NDArray[Any]  # float32, or float64 where small
Complexes = npt.NDArray[Any]  # complex64, or complex128 where small
Integers = npt.NDArray[Any]
Bits = npt.NDArray[Any]  # uint8, 0 or 1
Luma = npt.NDArray[Any]  # uint8 [height, width]
Image = npt.NDArray[Any]  # uint8 [height, width, 3], BGR
Matrices = npt.NDArray[Any]  # float64 [..., 2, 2]
View = npt.NDArray[Any]  # float64 [3, 3]: see `fold`
