"""Words of the formats, for the fuzzer to put together: a dictionary in libFuzzer's own writing."""

from __future__ import annotations

OFX = """
    OFXHEADER:100 <OFX> </OFX> <BANKMSGSRSV1> <STMTTRNRS> <STMTRS> </STMTRS> <CCSTMTRS> </CCSTMTRS> <INVSTMTRS>
    </INVSTMTRS> <CURDEF>USD <BANKACCTFROM> </BANKACCTFROM> <ACCTID>1 <BANKTRANLIST> </BANKTRANLIST> <STMTTRN>
    </STMTTRN> <STMTTRNP> </STMTTRNP> <DTPOSTED>20260101 <TRNAMT>-1.00 <FITID>1 <NAME>A <MEMO>B <LEDGERBAL>
    </LEDGERBAL> <BALAMT>1 <DTASOF>20260131 <INVTRANLIST> </INVTRANLIST> <INVBANKTRAN> </INVBANKTRAN> <BUYSTOCK>
    </BUYSTOCK> <INVBUY> </INVBUY> <INVTRAN> </INVTRAN> <SECID> </SECID> <UNIQUEID>1 <UNITS>1.000 <UNITPRICE>1
    <TOTAL>-1 <REINVEST> </REINVEST> <INCOME> </INCOME> <SECINFO> </SECINFO> <TICKER>A <INVPOS> </INVPOS> <STATUS>
    </STATUS> <SEVERITY>INFO <CURRENCY> </CURRENCY> <CURSYM>EUR <![CDATA[ ]]> <!-- --> &amp; &#65; &#x41; <A/> < >
"""
QIF = """
    !Type:Bank !Type:CCard !Type:Invst !Account !Option:AutoSwitch ^ D1/2'26 T-1.00 S[A] $1.00 LFood:A PShop NBuy Q1 I1
"""
MT940 = """
    :20:A :21:B :25:1 :28C:1/1 :60F:C260101EUR1,00 :60M:C260101EUR1,00 :61:2601010101D1,00NTRFREF :62F:C260101EUR1,00
    :62M: :64: :86:A?20B?32C :86:/REMI/A /BENM/ {1: {4: -} 000D 260229 260230
"""
CAMT = """
    <?xml <!DOCTYPE <!ENTITY <Document> </Document> <BkToCstmrStmt> <Stmt> </Stmt> <Acct> <IBAN>A</IBAN> <Bal> </Bal>
    <Ntry> </Ntry> <Amt Ccy="EUR">1.00</Amt> <CdtDbtInd>DBIT</CdtDbtInd> <Sts>BOOK</Sts> <Sts>PDNG</Sts> <BookgDt>
    <Dt>2026-01-01</Dt> </BookgDt> <NtryDtls> <TxDtls> </TxDtls> xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"
"""
CSV = """
    Data,Valor,Identificador Date,Description,Amount "1.000,00" "1,000.00" -1.000 01/02/2026 2026-01-02 02.01.2026 R$
    Saldo ; | "" =1+1 1.000 (1.00) 1.00- Details,Posting,Type,Balance Amount;Currency parc 1/2
"""
BEANCOUNT = """
    open close balance pad note price commodity option include plugin pushtag poptag txn * ! 2026-01-01 Assets:A
    Income:B 1.00 USD {1.00 USD} {{ }} @ @@ custom "budget" "monthly" ^l #t 1E9 1/3 (1+1)*2 Equity:Opening-Balances
"""
BYTES = [
    "\\xff\\xfe",
    "\\xfe\\xff",
    "\\xef\\xbb\\xbf",
    "\\x00",
    "\\x1a",
    "\\xc3\\xa9",
    "\\xe2\\x82\\xac",
    "\\xf0\\x9f\\x92\\xb8",
]
"""Marks of encodings, what ends files, letters of two, three and four bytes."""


SEEDS = {
    "beancount": [
        b"""option "operating_currency" "EUR"
2026-01-01 open Assets:Bank EUR
2026-01-01 open Assets:Broker
2026-01-01 open Expenses:Food
2026-01-01 commodity ACME
2026-01-01 custom "budget" Expenses:Food "monthly" 500.00 EUR
2026-01-02 * "Shop" "Bread" #home ^receipt-1
  Expenses:Food  3.50 EUR
  Assets:Bank
2026-01-03 * "Broker"
  Assets:Broker  10 ACME {1.50 EUR, 2026-01-03, "first"}
  Assets:Bank  -15.00 EUR
2026-01-04 * "Broker"
  Assets:Broker  -10 ACME {1.50 EUR} @ 2.00 EUR
  Assets:Bank  15.00 EUR
2026-01-05 price ACME 2.00 EUR
2026-01-06 pad Assets:Bank Equity:Opening-Balances
2026-01-07 balance Assets:Bank 100.00 EUR
2026-01-08 note Assets:Bank "Called"
2026-01-09 close Assets:Broker
"""
    ],
}
"""What no sample shows yet."""

OF = {"ofx": OFX, "qif": QIF, "mt940": MT940, "camt053": CAMT, "csv": CSV, "beancount": BEANCOUNT}


def dictionary(name: str) -> str:
    """Every word of a format once, one a line, quoted; of a format that is not known here, the words of all."""
    words = OF.get(name, " ".join(OF.values())).split()
    quoted = [word.replace("\\", "\\\\").replace('"', '\\"') for word in words] + BYTES
    return "".join(f'"{word}"\n' for word in dict.fromkeys(quoted))
