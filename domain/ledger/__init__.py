"""The ledger: accounts, double-entry transactions, and what confirms or corrects them.

Every amount is an integer of minor units, every transaction's weights sum to zero in every commodity, and history is
never edited. The room's parts: `vocabulary` (words), `state` (what decisions rest on), `accounts`, `transactions`,
`reconciling`, `joining`, `categorizing`, `importing`.
"""

from __future__ import annotations

from domain.ledger.accounts import (
    AccountClosed,
    AccountCommand,
    AccountEvent,
    AccountMerged,
    AccountOpened,
    AccountRenamed,
    CloseAccount,
    CommodityDeclared,
    DeclareCommodity,
    MergeAccount,
    OpenAccount,
    RenameAccount,
    decide_account,
    evolve_account,
    kind_of,
)
from domain.ledger.categorizing import (
    CategorizeTransaction,
    TransactionCategorized,
    decide_categorizing,
    evolve_categorizing,
)
from domain.ledger.importing import (
    AccountRecognized,
    ConcludeImport,
    ImportCommitted,
    ImportingCommand,
    ImportingEvent,
    ImportUndone,
    RecognizeAccount,
    UndoImport,
    decide_importing,
    evolve_importing,
    source_name,
)
from domain.ledger.joining import (
    JoiningEvent,
    JoinTransaction,
    TransactionJoined,
    TransactionParted,
    decide_joining,
    evolve_joining,
    forgotten,
)
from domain.ledger.reconciling import (
    AssertBalance,
    AssertionWithdrawn,
    BalanceAsserted,
    ClosePeriod,
    PeriodClosed,
    ReconcilingCommand,
    ReconcilingEvent,
    WithdrawAssertion,
    decide_reconciling,
    evolve_reconciling,
)
from domain.ledger.state import How, Joined, Ledger
from domain.ledger.transactions import (
    AmendTransaction,
    RecordTransaction,
    SetOpeningBalance,
    TransactionAmended,
    TransactionCommand,
    TransactionEvent,
    TransactionRecorded,
    TransactionVoided,
    VoidTransaction,
    decide_transaction,
    evolve_transaction,
)
from domain.ledger.vocabulary import (
    FIRST_DAY,
    LAST_DAY,
    MAX_POSTINGS,
    OPENING_BALANCES,
    UNCATEGORIZED,
    Account,
    AccountId,
    Cost,
    ImportId,
    Instalment,
    Kind,
    Posting,
    Price,
    RuleId,
    TransactionId,
)

LedgerCommand = (
    AccountCommand
    | TransactionCommand
    | JoinTransaction
    | CategorizeTransaction
    | ReconcilingCommand
    | ImportingCommand
)
LedgerEvent = (
    AccountEvent | TransactionEvent | JoiningEvent | TransactionCategorized | ReconcilingEvent | ImportingEvent
)

__all__ = [
    "FIRST_DAY",
    "LAST_DAY",
    "MAX_POSTINGS",
    "OPENING_BALANCES",
    "UNCATEGORIZED",
    "Account",
    "AccountClosed",
    "AccountCommand",
    "AccountEvent",
    "AccountId",
    "AccountMerged",
    "AccountOpened",
    "AccountRecognized",
    "AccountRenamed",
    "AmendTransaction",
    "AssertBalance",
    "AssertionWithdrawn",
    "BalanceAsserted",
    "CategorizeTransaction",
    "CloseAccount",
    "ClosePeriod",
    "CommodityDeclared",
    "ConcludeImport",
    "Cost",
    "DeclareCommodity",
    "How",
    "ImportCommitted",
    "ImportId",
    "ImportUndone",
    "Instalment",
    "JoinTransaction",
    "Joined",
    "Kind",
    "Ledger",
    "LedgerCommand",
    "LedgerEvent",
    "MergeAccount",
    "OpenAccount",
    "PeriodClosed",
    "Posting",
    "Price",
    "RecognizeAccount",
    "RecordTransaction",
    "RenameAccount",
    "RuleId",
    "SetOpeningBalance",
    "TransactionAmended",
    "TransactionCategorized",
    "TransactionCommand",
    "TransactionEvent",
    "TransactionId",
    "TransactionJoined",
    "TransactionParted",
    "TransactionRecorded",
    "TransactionVoided",
    "UndoImport",
    "VoidTransaction",
    "WithdrawAssertion",
    "decide_account",
    "decide_categorizing",
    "decide_importing",
    "decide_joining",
    "decide_reconciling",
    "decide_transaction",
    "evolve_account",
    "evolve_categorizing",
    "evolve_importing",
    "evolve_joining",
    "evolve_reconciling",
    "evolve_transaction",
    "forgotten",
    "kind_of",
    "source_name",
]
