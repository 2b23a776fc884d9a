"""WHAT MAY BE AGREED: the validated document, its parts, and its templates."""
