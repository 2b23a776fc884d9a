"""Could they ...? Questions asked of a draft or a contract, without effect."""
