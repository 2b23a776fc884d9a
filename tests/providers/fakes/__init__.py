"""The fakes, one file a vendor; core has what they share."""
