"""What a bundle says of itself to whoever unpacks it, and of each member in one line."""

from app.audit.bundle import container as names

SAYS = {
    names.INDEX: "what is here: SHA-256 and size of every other member",
    names.README: "this page",
    names.LICENSE: "licensed when made, licensed at this bundle's date; signed, over all members",
    names.MANIFEST: "the C2PA manifest store that left in the file",
    names.CONTRACTS: "commitments to the contracts behind it; no terms",
    names.PERMIT: "receipt of the decision that permitted it (JWS)",
    names.RELEASE: "receipt of the decision that released it (JWS)",
    names.RELEASED_LEAF: "that its release, under its SHA-256, is in the public log",
    names.PERMIT_LEAF: "that the permit's receipt is in the public log",
    names.RELEASE_LEAF: "that the release decision's receipt is in the public log",
    names.CHECKPOINT: "the signed checkpoint all proofs lead to, with the lines of its witnesses",
    names.SIGNER: "the certificate that signed the file",
    names.ISSUERS: "who issued it, up to the root and without it",
    names.TIME_CHAIN: "the certificates of the time stamp",
    names.TIME_TOKEN: "the RFC 3161 token over the signature",
    names.OCSP_SIGNED: "the signer's status when it signed (OCSP)",
    names.OCSP_NOW: "the signer's status at this bundle's date (OCSP)",
    names.SIGNED: "the very bytes that were signed (COSE Sig_structure over the claim)",
    names.SIGNATURE: "the signature over them (DER)",
    names.STAMPED: "the very bytes that were time-stamped",
    names.CLAIM_ROOT: "the root of who signs files: believe yours, if you have one",
    names.TIME_ROOTS: "the roots of time stamps",
    names.KEYS: "the public keys of receipts and statuses (JWK Set)",
    names.LOG_KEY: "the public log's verifier key",
    names.WITNESSES: "the keys of the log's witnesses",
    **dict.fromkeys(names.FILES, "the released file, byte for byte"),
}


def text(generation_id: str, made_at: str, members: list[str], withheld: list[str]) -> str:
    """Return README.txt; the same for the same bundle."""
    listed = "\n".join(f"  {name:<34} {SAYS[name]}" for name in sorted(members))
    left_out = f"Left out for this reader: {', '.join(withheld)}.\n\n" if withheld else ""
    return f"""\
All that proves one output of a digital replica: {generation_id}
Put together at {made_at}.

Check a file with it, without a server, a database or a network:

  understudy verify FILE --offline BUNDLE.zip

Keys and roots in anchors/ came with this bundle: whoever made up the bundle could have made them up
as well. Get them elsewhere, and give them with --claim-root, --time-roots, --keys and --log-key.
docs/verify-without-us.md tells how to check every member with other people's tools.

There are no terms, names, facts or reasons in here. "Now" is the date above.

{left_out}{listed}
"""
