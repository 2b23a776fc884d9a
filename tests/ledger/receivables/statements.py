"""Bank statements as a bank would send them."""

from decimal import Decimal

IBAN = "NL91ABNA0417164300"


def an_entry(
    amount: str,
    said: str = "",
    *,
    reference: str = "R1",
    side: str = "CRDT",
    status: str = "BOOK",
    reversal: bool = False,
    currency: str = "USD",
    structured: str = "",
    version: str = "02",
) -> str:
    state = status if version == "02" else f"<Cd>{status}</Cd>"
    payer = "<Nm>Nightglass</Nm>" if version == "02" else "<Pty><Nm>Nightglass</Nm></Pty>"
    strd = f"<Strd><CdtrRefInf><Ref>{structured}</Ref></CdtrRefInf></Strd>" if structured else ""
    ustrd = f"<Ustrd>{said}</Ustrd>" if said else ""
    info = f"<RmtInf>{ustrd}{strd}</RmtInf>" if said or structured else ""
    own = f'<Amt Ccy="{currency}">{amount}</Amt><CdtDbtInd>{side}</CdtDbtInd>'
    own = own if version == "08" else ""
    return f"""<Ntry><Amt Ccy="{currency}">{amount}</Amt><CdtDbtInd>{side}</CdtDbtInd>
      {"<RvslInd>true</RvslInd>" if reversal else ""}<Sts>{state}</Sts>
      <BookgDt><Dt>2026-11-26</Dt></BookgDt><AcctSvcrRef>{reference}</AcctSvcrRef>
      <BkTxCd><Prtry><Cd>1</Cd></Prtry></BkTxCd>
      <NtryDtls><TxDtls><Refs><EndToEndId>E2E</EndToEndId></Refs>
        {own}
        <RltdPties><Dbtr>{payer}</Dbtr></RltdPties>{info}</TxDtls></NtryDtls></Ntry>"""


def a_statement(
    *entries: str,
    opening: str = "100.00",
    moved: str = "0",
    reference: str = "S1",
    version: str = "02",
    currency: str = "USD",
    prolog: str = "",
    iban: str = IBAN,
) -> bytes:
    """One statement; `moved` is what its booked entries come to."""
    closing = Decimal(opening) + Decimal(moved)

    def balance(code: str, amount: object) -> str:
        return f"""<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>
          <Amt Ccy="{currency}">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd>
          <Dt><Dt>2026-11-26</Dt></Dt></Bal>"""

    return f"""<?xml version="1.0" encoding="UTF-8"?>{prolog}
    <Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version}"><BkToCstmrStmt>
      <GrpHdr><MsgId>M1</MsgId><CreDtTm>2026-11-26T20:00:00</CreDtTm></GrpHdr>
      <Stmt><Id>{reference}</Id><CreDtTm>2026-11-26T20:00:00</CreDtTm>
        <Acct><Id><IBAN>{iban}</IBAN></Id></Acct>
        {balance("OPBD", opening)}{balance("CLBD", closing)}{"".join(entries)}
      </Stmt></BkToCstmrStmt></Document>""".encode()
