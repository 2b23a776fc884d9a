"""How the watermark says no: every refusal has a name, a stable code and a way on."""


class WatermarkError(Exception):
    """A mark could not be embedded or looked for. Subclasses say why."""

    code = "watermark-error"


class BadPayload(WatermarkError):
    """The payload is not exactly eight bytes, or the key is shorter than sixteen."""

    code = "watermark-bad-payload"


class UnsuitableMedia(WatermarkError):
    """Nothing can be carried here: no pixels or samples, too small, or the wrong array type."""

    code = "watermark-unsuitable-media"


class MediaTooLarge(WatermarkError):
    """The picture or frame has more pixels than the library accepts."""

    code = "watermark-media-too-large"


class UnreadableMedia(WatermarkError):
    """The file cannot be decoded: truncated, damaged, or no medium at all."""

    code = "watermark-unreadable-media"


class UnsupportedMedia(WatermarkError):
    """The file is sound, but this library cannot write it again without losing something."""

    code = "watermark-unsupported-media"
