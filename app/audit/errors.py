"""How the auditor says no."""

from app.errors import AppError


class QueryMalformed(AppError):
    """The query does not fit the Soft Binding Resolution API; `errors` points to each part."""

    status, code = 400, "query-malformed"


class AlgorithmUnknown(AppError):
    """Nothing is resolved here for a soft binding of that algorithm."""

    status, code = 400, "algorithm-unknown"


class BindingMalformed(AppError):
    """The value is no soft binding of that algorithm."""

    status, code = 400, "binding-malformed"


class AssetUnreadable(AppError):
    """The asset cannot be decoded within the limits, so nothing can be found by it."""

    status, code = 400, "asset-unreadable"


class ReferenceRefused(AppError):
    """Nothing is fetched from an address that a stranger names; send the asset itself."""

    status, code = 400, "reference-refused"


class QueryTooLong(AppError):
    """The address is longer than is read here; send the value by POST."""

    status, code = 414, "query-too-long"


class AssetTypeUnknown(AppError):
    """The asset is of no kind that carries our soft bindings: picture, film or sound."""

    status, code = 415, "asset-type-unknown"


class SearchGaveUp(AppError):
    """Looking for a mark took more than it may; whether there is one is not known."""

    status, code = 503, "search-gave-up"
