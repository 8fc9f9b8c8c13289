"""Bank statements into the books: one transaction a row, against a category, or the row joins what tells of it already.

From a file's statements to commands: `accounts` (where they go), `drafts` (which rows are news, and what becomes of
them), `likeness` (what they join), `categories` and `instalments` (what they were), `openings` and `balances` (what the
account holds).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from commands.imports.plan import Answers, BookFacts, Desk, Plan, period_of
from commands.imports.reading import Question, Reason, Statement, StatementRow, Statements
from commands.imports.statements.accounts import Directory, Target, source_of
from commands.imports.statements.balances import compared, overall
from commands.imports.statements.categories import Categories
from commands.imports.statements.drafts import Draft
from commands.imports.statements.instalments import Purchases
from commands.imports.statements.likeness import found_joins
from commands.imports.statements.openings import opened_by
from commands.imports.trades import security_scale
from domain.book import BookCommand
from domain.errors import Rejected
from domain.ledger import AccountId, ConcludeImport, DeclareCommodity, TransactionId, source_name
from domain.money import Commodity, commodity

__all__ = ["compared", "overall", "plan_statements"]


def plan_statements(
    facts: BookFacts,
    read: Statements,
    desk: Desk,
    form: str,
    file_name: str,
    account: str | None,
    answers: Answers,
    skip: Collection[int],
) -> Plan:
    """The plan of a bank file.

    `account` (an id or a full name) is where a file of one statement goes; without it the account is found, or opened,
    by the name that the bank and the number's end give it. `skip` are rows that a person left out.
    """
    if account is not None and len({source_of(statement) for statement in read.statements}) > 1:
        raise Rejected("account_ambiguous", count=len(read.statements))
    directory = Directory(facts, desk, answers, account, file_name)
    targets = directory.targets(read.statements)
    categories = Categories(facts, desk)
    securities, declared = _securities(facts, read.statements)
    purchases = Purchases.of(desk, _all_rows(read.statements))
    drafts = [
        Draft(facts, desk, answers, statement, target, categories, purchases, securities, skip)
        for statement, target in zip(read.statements, targets, strict=True)
    ]
    told = _told_balances(drafts, answers)
    for draft in drafts:
        draft.read_rows()
    # An account that is still to be opened has no row yet.
    asked = [fingerprint for draft in drafts if not draft.target.is_new for *_, fingerprint in draft.exact]
    taken = desk.taken(asked) if asked else {}
    for draft in drafts:
        draft.take_rows(taken)
    fresh = [one for draft in drafts for one in draft.fresh]
    met = frozenset([met for draft in drafts for met in draft.met])
    joins, unclear = found_joins(fresh, facts, desk, source_name(form, read.detected.profile), met)
    recorded: dict[int, TransactionId] = {}
    for draft in drafts:
        draft.settle(joins, unclear, recorded)
        draft.state_balance(told.get(draft.statement.number))
    unique = list({target.account.id: target for target in targets}.values())
    questions: list[Question] = [*read.questions, *directory.questions]
    drafts_of: dict[AccountId, list[Draft]] = {target.account.id: [] for target in unique}
    for draft in drafts:
        drafts_of[draft.target.account.id].append(draft)
    for target in unique:
        questions += opened_by(target, drafts_of[target.account.id], facts, desk)
    standing = [draft.stated_at for draft in drafts if not draft.target.is_new]
    held = desk.held_on(frozenset([at for at in standing if at is not None])) if any(standing) else {}
    for draft in drafts:
        draft.foresee(held)
    rows = tuple(sorted([row for draft in drafts for row in draft.rows], key=lambda row: row.row))
    commands, row_of = _commands(unique, categories, declared)
    recorded_count = sum(len(target.records) for target in unique)
    only = unique[0].account.id if len(unique) == 1 and (unique[0].opens or not unique[0].is_new) else None
    unknown = [
        target.account.id
        for target in unique
        if (target.is_first or target.account.id in facts.unopened)
        and target.opening is None
        and (target.opens or not target.is_new)
    ]
    commands.append(
        ConcludeImport(
            desk.import_id,
            form,
            only,
            recorded_count,
            len(rows) - len(row_of),
            file_name,
            len(row_of) - recorded_count,
            (*[account for account in unknown if row_of], *sorted(categories.counterparts)),
            read.detected.profile,
        )
    )
    opened = sum(target.opens for target in unique) + len(categories.opened)
    statements = tuple([draft.told() for draft in drafts])
    days = [day for s in read.statements for day in (s.first, s.last, *[row.date for row in s.rows if row.dated])]
    return Plan(
        account=unique[0].account.name if len(unique) == 1 else None,
        period=period_of(days),
        rows=rows,
        questions=tuple(questions),
        remarks=(*read.remarks, *_assumed(read.statements, unique)),
        statements=statements,
        agreement=overall([statement.agreement for statement in statements]),
        commands=tuple(commands),
        row_of=row_of,
        also={"accounts": opened} if opened else {},
        checks=tuple([draft.check for draft in drafts if draft.check is not None]),
    )


def _told_balances(drafts: Sequence[Draft], answers: Answers) -> dict[int, str]:
    """What a person says that statements' accounts hold today, by the statement's number. A word for the whole file is
    meant for the one that is asked about, or else for the only one that states none.
    """
    numbers = {draft.statement.number for draft in drafts if draft.needs_balance}
    unmeant = [number for number in answers.balances if number not in numbers]
    if unmeant:
        raise Rejected("answer_not_valid", answer=f"balances.{unmeant[0]}")
    told = dict(answers.balances)
    if answers.balance_today is not None:
        open_ones = {
            d.target.account.id: d for d in reversed(drafts) if d.needs_balance and d.statement.number not in told
        }
        asked = {account: draft for account, draft in open_ones.items() if draft.is_asked}
        meant = list((asked or open_ones).values())
        if len(meant) > 1:
            raise Rejected("balance_today_ambiguous")
        told |= {draft.statement.number: answers.balance_today for draft in meant}
    return told


def _commands(
    targets: Sequence[Target], categories: Categories, declared: Sequence[DeclareCommodity]
) -> tuple[list[BookCommand], dict[int, int]]:
    """The commands of the group but for the one that concludes it, and the row behind each that has one."""
    opened = [target.open_command() for target in targets if target.opens]
    commands: list[BookCommand] = [*declared, *opened, *categories.opened]
    row_of: dict[int, int] = {}
    for target in targets:
        if target.opens or not target.is_new:
            commands += target.recognitions
        if target.opening is not None:
            commands.append(target.opening)
        commands += target.settled
        for row, command in sorted(target.records, key=lambda record: record[1].date):
            row_of[len(commands)] = row
            commands.append(command)
    for target in targets:
        for row, join in target.joins:
            row_of[len(commands)] = row
            commands.append(join)
    return commands, row_of


def _securities(
    facts: BookFacts, statements: Sequence[Statement]
) -> tuple[dict[str, Commodity], list[DeclareCommodity]]:
    """The securities that the file's trades hold, at their scales, and those to be declared."""
    units: dict[str, Commodity] = {}
    declared: list[DeclareCommodity] = []
    for code, scale in security_scale(_all_rows(statements)).items():
        known = facts.commodities.get(code)
        units[code] = known if known is not None else commodity(code, scale)
        if known is None:
            declared.append(DeclareCommodity(code, scale))
    return units, declared


def _all_rows(statements: Sequence[Statement]) -> list[StatementRow]:
    return [row for statement in statements for row in statement.rows]


def _assumed(statements: Sequence[Statement], targets: Sequence[Target]) -> list[Reason]:
    """What the file does not tell and was taken from the books: its currency."""
    if all(statement.currency for statement in statements):
        return []
    return [Reason("currency_assumed", {"currency": targets[0].unit.code})] if targets else []
