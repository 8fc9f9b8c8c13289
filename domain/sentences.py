"""Sentences: what each stable code says to a person, in English, and how to mend it.

A code is for ever and for programs; its sentence is for people and may be worded better at any time. Every door says
the same, and a client that speaks another language translates by the code.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum

MAX_LISTED = 5
"""How many values of a list a sentence names before it says how many more there are."""

SENTENCES: dict[str, str] = {
    "account_ambiguous": "The file has {count} accounts that would become one. Import one account at a time, or say "
    "for each where it goes.",
    "account_closed": "The account {account} was closed on {on}. Use another account, or "
    "for a category an earlier date.",
    "account_id_used": "An account with the id {account} exists already. Leave the id to the server.",
    "account_kind_fixed": "{account} is one of the {kind} accounts and stays one. Keep the first part of its name.",
    "account_merged": "The account {account} was merged into {into}. Use that one.",
    "account_name_not_valid": "{name} is no account name. Write two to twelve parts with colons between them, the "
    "first one of Assets, Liabilities, Equity, Income and Expenses, such as Expenses:Food:Groceries.",
    "account_name_used": "There is an account {name} already. Choose another name.",
    "account_needed": "Statement {statement} of the file tells neither bank nor number. Is it one of your accounts? "
    "Otherwise {account} is opened for it.",
    "account_not_a_category": "{account} is no category. Choose one of the Income or Expenses accounts.",
    "account_not_clear": "More than one of your accounts could be the one of statement {statement}. Say which, or "
    "give a new name: {account}.",
    "account_not_empty": "The account {account} still holds something. Move its balance to another account first.",
    "account_not_for_ledgers": "The file is a whole ledger with accounts of its own. Import it without naming "
    "{account}.",
    "account_not_for_statements": "{account} cannot take a bank's statement. Choose one of the Assets or Liabilities "
    "accounts.",
    "account_not_open_yet": "The account {account} opens on {opened_on}. Use that day or a later one.",
    "account_takes_other_commodity": "The account {account} does not take {commodity}. Post to an account that does.",
    "account_unknown": "There is no account {account} in this book. Open it first, or correct the name or id.",
    "account_used_later": "The account {account} has transactions after {on}. Close it on a later day.",
    "accounts_not_mergeable": "{account} cannot become part of {into}. Only two Income or two Expenses accounts merge.",
    "accrued_interest_not_booked": "The trade has interest accrued until its day, which the broker's total does not "
    "have inside. Record the trade yourself.",
    "address_not_free": "Nothing can be served at {host}, port {port}: it is taken. Choose another --port.",
    "agreement_unknown": "The file does not tell the bank's balance, so whether the books agree with it is not known.",
    "agrees_with_bank": "The books agree with the bank: {account} holds {held} on {date}.",
    "amount_ambiguous": "{text} can be read as a decimal number or as thousands. Say which mark the file writes "
    "decimals with.",
    "amount_not_decimal": "{text} is no amount. Write digits with one point, such as -12.50.",
    "amount_not_decimal_string": "An amount is a text, so that no digit is lost: write it in quotes, such as "
    '"12.50". See {fields}.',
    "amount_out_of_range": "The amount is beyond {limit_minor} of the smallest unit. Check its digits.",
    "amount_scale_exceeded": "{amount} has more decimal places than the {scale} that the book keeps of this commodity. "
    "Round it.",
    "amount_unusual_for_category": "{amount} {commodity} on {date} is far more than is usual in this category: the "
    "{compared} purchases before it were about {usual}. Check that it is yours and that the amount is right.",
    "amount_unusual_for_payee": "{amount} {commodity} on {date} is far more than this payee usually takes: the "
    "{compared} purchases before it were about {usual}. Check that it is yours and that the amount is right.",
    "answer_not_valid": "{answer} answers nothing that is asked. The import command's help has the answers and what "
    "they may be.",
    "answers_needed": "The file cannot be imported before these questions are answered: {questions}. Answer them "
    "and commit again.",
    "arguments_not_valid": "{reason}. `finshift COMMAND --help` shows what the command takes.",
    "assertion_behind_later_entries": "The books have later entries on this account, so its balance then cannot be "
    "confirmed now.",
    "assertion_not_exact": "The stated balance is {stated} and the books hold {held}: it is true within a tolerance "
    "only.",
    "assertion_not_holding": "The balance does not hold in the file itself: {difference} is missing.",
    "assertion_of_parent": "The balance of {account} is one with its children, which the books do not confirm as one.",
    "assertion_unknown": "No balance of {account} in {commodity} is confirmed, so there is none to take back.",
    "assertions_hold": "{count} stated balances hold and are confirmed.",
    "backup_cut_off": "The backup ends before its end: it was not copied whole. Copy it again, or take another one.",
    "backup_damaged": "The backup is damaged at byte {at_byte}: what stands there is not what was written. Copy it "
    "again, or take another one.",
    "backup_damaged_at_block": "Block {block} of the backup is none that Finshift writes. Copy the file again, or "
    "take another one.",
    "backup_differs_from_footer": "The backup has {events} events where it tells of {expected}, or its keys or other "
    "counts are not those it tells of. Take another one.",
    "backup_has_no_keys": "The backup has no keys inside. Give the file they were written to with --keys.",
    "backup_keys_are_others": "These keys are not those of the backup, or lack {books} of its books. Give the key "
    "file that was in use when it was made.",
    "backup_keys_choice_needed": "Without its keys nothing that people wrote can be read in a backup. Say where they "
    "go: into it under a passphrase with --passphrase-file, to a second file with --keys-to, or, if you keep the key "
    "file elsewhere, nowhere with --without-keys.",
    "backup_keys_damaged": "The keys are damaged, or of a newer release. Take another copy of them.",
    "backup_keys_needed": "The keys of the backup are needed. Give its passphrase with --passphrase-file, or the file "
    "they are in with --keys.",
    "backup_log_broken": "The chain breaks at position {position}: {reason}. What stands there is not what was "
    "recorded. `finshift verify` tells which book it is; take an earlier backup.",
    "backup_newer": "The backup was written by a newer release of Finshift. Update Finshift.",
    "backup_not_one": "The file is no backup of Finshift. Give the file that `finshift backup create` wrote.",
    "backup_nothing_there": "There is nothing to back up: the store has no event yet. Check the settings that say "
    "where it is.",
    "balance_differs": "On {date} {account} holds {held}, not {stated}: {difference} is missing. Record what is "
    "missing, or correct the stated balance.",
    "balance_today": "What does your bank show today for {account}, in {commodity}?",
    "balance_today_ambiguous": "The file has several accounts without a balance. Import one account at a time to tell "
    "each balance.",
    "bank_reported_error": "The bank sent an error in place of a statement: {bank_message}. Download the file again.",
    "beancount_errors": "beancount finds {count} errors in the file: {errors}. Mend them and try again.",
    "beancount_gave_up": "Beancount itself fails on the file ({error}), mostly at a number far too large or too "
    "fine. Check it with bean-check.",
    "beancount_includes_files": "The file includes others: {files}. Put everything into one file first.",
    "beancount_may_divide_by_zero": "Line {line} divides by zero, or by something that could be zero. Write the "
    "result in its place.",
    "beancount_too_deep": "The file has numbers or texts within each other so deep that beancount cannot read them. "
    "Write them without so many parentheses.",
    "beancount_word_too_long": "Line {line} has more than {limit} characters without a space. Break it with spaces, "
    "or take it out.",
    "bind_refused": "{host} can be reached from other machines, and whoever reaches it would own these books. "
    "Serve on 127.0.0.1, or set FINSHIFT_LOCAL_BIND to this address where something else guards it.",
    "body_empty": "The request has no body. Send the JSON that this door describes in /docs.",
    "body_not_valid": "The request does not fit this door. See {fields}; /docs shows an example.",
    "body_too_large": "The request is larger than {limit_bytes} bytes. Send less at once.",
    "book_erased": "The book was erased and its key destroyed. Nothing more can be done with it.",
    "book_exists": "The book {book} is open already.",
    "book_name_not_valid": "A book needs a name of 1 to {limit} printable characters, with no space around it.",
    "book_name_used": "Another book has this name already. Choose another name.",
    "book_unknown": "There is no such book. See the list of books for names and ids.",
    "budget_below_zero": "A budget of {amount} is below zero. The books keep limits of zero and more; write it as what "
    "may be spent.",
    "budget_changed_here": "The budget of {account} was changed in the books, and the file tells it otherwise than "
    "before. It stays as it is; change it in the books where the file is right.",
    "budget_ended": "The budget {budget} ended on {on}. Set a new one.",
    "budget_ends_before_start": "The budget starts on {start} and cannot end before that day.",
    "budget_exceeded": "{spent} {commodity} are spent of the budget of {limit} that is to last until {last}: it is "
    "exceeded. Spend less elsewhere, or raise the limit.",
    "budget_gone_from_file": "An earlier version of the file told this budget of {account}, and this one has none. It "
    "stays, unless you let what is gone be taken out.",
    "budget_id_used": "A budget with the id {budget} exists already. Leave the id to the server.",
    "budget_in_another_commodity": "The budget's limit is in {expected}. Give the new limit in {expected} too.",
    "budget_interval_unknown": "{interval} is no interval of a budget. Write one of {intervals}.",
    "budget_needs_category": "{account} is no category. A budget needs an Income or Expenses account.",
    "budget_not_as_fava_reads": "A budget entry has an account, an interval and an amount, in this order. Write it as "
    "fava's help shows.",
    "budget_taken_out": "This version of the file has no budget of {account} any more: it is taken out.",
    "budget_threshold_reached": "{percent} % of the budget are reached: {spent} of {limit} {commodity} are spent, and "
    "it is to last until {last}. Spend less until then, or raise the limit.",
    "budget_unknown": "There is no budget {budget} in this book. See the list of budgets for ids.",
    "budget_will_be_exceeded": "At the pace so far the budget of {limit} {commodity} will be exceeded on {day}, and "
    "{projected} will be spent by {last}. Spend less until then, or raise the limit.",
    "busy": "More is waiting than the queue holds. Ask the same again after {retry_after_s} s.",
    "camt_not_well_formed": "The XML breaks off or is wrong at line {line}. Download the file again; nothing of it was "
    "imported.",
    "camt_other_document": "The file is {document}, not an account's booked statement. Ask the bank for CAMT.053.",
    "camt_without_statement": "The XML has no account statement. Ask the bank for CAMT.053, or another format.",
    "cash_in_several_currencies": "The broker has cash in several currencies and states one sum in {currency}, so "
    "its sum is compared with nothing. Compare each currency by hand.",
    "changed_meanwhile": "What this rests on is being changed again and again. Ask the same again in a moment.",
    "claim_taken": "Something in this request is here already, under another transaction. Ask for a new preview.",
    "clock_ahead": "This machine's clock differs too much from the database's. Set the clocks right.",
    "clock_behind": "The clock is behind what this book has recorded. Set the clock right.",
    "closing_before_opening": "The statement of {account} closes on {closing}, before it opens on {opening}. Its "
    "closing balance is not used; say what your bank shows today.",
    "closing_not_of_a_day": "The last page of the statement of {account} is missing, so its closing balance is not "
    "that of a day. Import the missing page, or say what your bank shows today.",
    "columns_not_found": "No row of the file names a date and an amount. Export another kind of file, or describe its "
    "columns in a profile.",
    "command_type_unknown": "There is no command {type}. A batch takes {types}.",
    "commodity_code_not_valid": "{commodity} is no commodity code. Write 1 to 24 capital letters, digits or ' . _ -, "
    "beginning with a letter and ending with a letter or digit.",
    "commodity_declared_otherwise": "{commodity} is declared with {scale} decimal places, and that is fixed.",
    "commodity_scale_too_small": "The file needs {needed} decimal places of {commodity}, and the book keeps {scale}. "
    "Import it into a new book.",
    "commodity_unknown": "{commodity} is neither an ISO 4217 currency nor declared in this book. Declare it first.",
    "confirmation_needed": "This has to be confirmed, and there is no terminal to ask at. Say --yes to do it "
    "without asking.",
    "content_encoding_unknown": "Requests are read as they are, not {encoding}. Send the body without compression.",
    "currency_assumed": "The file does not tell its currency. Its amounts are taken to be in {currency}, as your "
    "books are.",
    "cursor_not_valid": "The cursor is not one of this question. Begin again without a cursor.",
    "date_ambiguous": "{text} can be read with the day or with the month first. Say which, and the row is read.",
    "date_moved_to_month_end": "Row {row} has the value date {text}, which is no day. It is read as the last of the "
    "month, {date}.",
    "date_out_of_range": "The day is not between {first} and {last}. Check the year.",
    "differs_from_bank": "On {date} the bank says {stated} for {account} and the books hold {held}: {difference} is "
    "missing.",
    "directive_left_out": "The books keep nothing like a {directive}.",
    "documents_missing": "There is no place for documents: set FINSHIFT_DOCUMENTS_URL to the address of a MongoDB "
    "replica set (`finshift stack env` prints one), then start it again.",
    "entries_gone": "{count} entries that an earlier version of this file told are not in it any more. Keep them in "
    "the books, or take them out?",
    "entry_changed": "An earlier version of the file told this entry on {date} with {was}: this one takes its place.",
    "entry_changed_here_too": "The file changed this entry, and so did the books, as transaction {transaction}. It "
    "stays as it is; amend it where the file is right.",
    "entry_changed_too_often": "The transaction was changed by files {limit} times, the most it can be. Amend it in "
    "the books.",
    "entry_gone_from_file": "An earlier version of the file told this entry, and this one does not. It stays as "
    "transaction {transaction}, unless you let what is gone be taken out.",
    "entry_taken_out": "This version of the file does not tell transaction {transaction} any more: it is taken out.",
    "entry_told_again": "The file tells transaction {transaction} again, which a version of it had left out: it stands "
    "as it is told now.",
    "event_too_large": "The transaction takes more than {limit_bytes} bytes. Shorten its texts, or split it.",
    "event_unreadable": "Version {version} of the book cannot be read: {reason}. Where a newer release wrote it, "
    "update Finshift; where it is damaged, restore the books from a backup.",
    "expense_direction_unclear": "The row is an expense with a positive amount, which could be money spent or given "
    "back. Record it yourself.",
    "export_is_whole": "The event log is exported whole, up to its end. Leave --known-on out.",
    "fees_taken_as_inside": "Whether the fees in the column {column} are inside the amounts is not certain. They are "
    "taken to be; where they are not, write a profile for the bank.",
    "file_exists": "There is something at {file} already. Choose another name, or replace a plain file by --overwrite.",
    "file_is_archive": "The file is an archive. Unpack it, and import the files in it one by one.",
    "file_is_pdf": "The file is a PDF, whose rows cannot be read for certain. Export OFX or CSV from the bank.",
    "file_is_pdf_protected": "The file is a PDF with a password. Export OFX or CSV from the bank; no password is "
    "asked for here.",
    "file_is_picture": "The file is a picture, whatever its name says. Export OFX or CSV from the bank.",
    "file_is_program": "The file is a program and was not opened. Export OFX or CSV from the bank.",
    "file_is_spreadsheet": "The file is a spreadsheet. Open it and save it as CSV, in UTF-8.",
    "file_is_web_page": "The file is a web page, such as banks send when one has to sign in again. Sign in and "
    "download the statement again, as OFX or CSV.",
    "file_not_readable": "{file} cannot be read: {reason}. Check its name and permissions.",
    "file_not_writable": "{file} cannot be written: {reason}. Choose another place.",
    "file_too_large": "The file is larger than {limit_bytes} bytes. Split it.",
    "format_needs_extra": "Reading {format} needs an extra that is not installed. Install it with: pip install "
    "'finshift[{extra}]'.",
    "format_not_found": "The file is in none of the formats that can be read: {formats}.",
    "format_unknown": "There is no format {format}. There are: {formats}.",
    "holdings_not_opened": "The file lists {count} holdings without what they cost: {holdings}. Only what its rows "
    "move is imported; enter older holdings with their cost yourself.",
    "host_refused": "This server answers under the names of this machine only, not under {host}. Use the address that "
    "it printed when it started.",
    "id_not_valid": "{field} is not an id: an id is 1 to {limit} letters A to Z, digits and hyphens.",
    "idempotency_key_not_valid": "An idempotency key is 1 to {limit} printable characters, in a header of ASCII alone.",
    "idempotency_key_reused": "This idempotency key was used for another request. Use a new key for a new command.",
    "import_committed": "The import {import_id} was committed already. Its rows are in the books.",
    "import_cut_in_half": "The file ends in the middle. Download it again; nothing of it was imported.",
    "import_empty": "The file is empty. Download it again.",
    "import_has_dtd": "The file defines entities of its own, which is not safe to read. Export it from the bank again.",
    "import_in_closed_period": "The import has transactions up to {closed_through}, where the books are closed. Record "
    "dated corrections instead.",
    "import_not_text": "The file is not text in an encoding that can be read. Export it in UTF-8.",
    "import_reconciled": "{count} transactions of the import are confirmed by a balance. Take back those confirmations "
    "first.",
    "import_too_large": "The file is larger than {limit} bytes. Split it.",
    "import_too_many_rows": "The file has more than {limit} rows. Split it by dates.",
    "import_unknown": "There is no import {import_id} to undo or commit in this book. See the list of imports.",
    "income_with_withholding": "Tax was withheld from this income, and the file does not tell whether its amount is "
    "before or after. Record it yourself.",
    "instalment_not_valid": "Instalment {k} of {n} is none. Count from 1 to the number of instalments.",
    "internal_error": "Something went wrong on the server, and its log has the details under {request}. Whether the "
    "command was carried out is told by the same request with the same idempotency key.",
    "investment_row_unknown": "The broker's row is a {element}, which is not known here. Record what it did yourself.",
    "kafka_missing": "No Kafka broker is named, and this works by way of Kafka alone. Set FINSHIFT_KAFKA_SERVERS, as "
    "finshift stack env tells it; without Kafka, finshift serve does everything by itself.",
    "keys_missing": "The key file of this store is not there, or is another or an older one. Put the newest back from "
    "its own backup; without it no name, payee or memo can be read.",
    "label_not_valid": "{label} cannot stand among {field}: a label is 1 to 100 printable characters.",
    "limit_out_of_range": "The limit {limit} is negative, or beyond {limit_minor} of the smallest unit.",
    "line_too_long": "Line {line} has more than {limit} characters. Export the file again.",
    "log_broken": "The chain breaks at line {line}: {reason}. What stands there is not what was recorded; compare it "
    "with another copy of the log.",
    "log_level_unknown": "{level} is no level of logging. Set FINSHIFT_LOG_LEVEL to one of {levels}, or leave it out.",
    "log_not_readable": "Line {line} is no event of an exported log. Check that the file was exported as jsonl.",
    "merge_target_narrower": "{into} takes fewer commodities, or opened later, than {account}, which it would take "
    "over. Merge the other way round, or choose another account.",
    "metadata_left_out": "Metadata of {count} entries is left out.",
    "method_unknown": "This path does not take {method}. It takes {allowed}.",
    "min_version_beyond_end": "The book ends at version {end}, and {min_version} does not exist yet. Ask for a version "
    "that a command answered with.",
    "min_version_not_reached": "The read models have reached version {reached} of {min_version}. Ask again shortly.",
    "moved_within_account": "The row moves something between parts of the same account, so that nothing changes.",
    "mt940_not_well_formed": "Line {line} is no proper MT940: {text}. Download the file again; nothing of it was "
    "imported.",
    "mt940_without_statement": "The file has no MT940 statement: none begins with a line :20:. Download it again, or "
    "choose another format.",
    "not_json": "The request is not JSON: {reason}. Send JSON in UTF-8.",
    "nul_bytes_dropped": "{count} NUL bytes, which no text has, are left out.",
    "ofx_not_well_formed": "The file is no proper OFX at {element}. Download it again.",
    "ofx_without_statement": "The file has no statement of a bank account or card. Download another kind of export.",
    "opening_account_missing": "The book has no account {name}. Open it, or rename it back, first.",
    "opening_needs_asset_or_liability": "{account} has no opening balance. Only Assets and Liabilities accounts have.",
    "option_closure_not_booked": "An option ended, and the file does not tell what it had cost. Record its end "
    "yourself.",
    "origin_refused": "A page from {origin} may not send commands here. Use the page that this server shows.",
    "original_still_open": "The transaction {transaction} is in no closed period. Amend or void it instead.",
    "outcome_unknown": "Whether this was recorded is not known yet. Send the same again with the same idempotency key.",
    "owed_today": "How much do you owe on {account} today, in {commodity}?",
    "page_limit_out_of_range": "A page has 1 to {limit} items.",
    "parts_not_positive": "An amount cannot be split in {parts} parts. Ask for one part or more.",
    "passphrase_too_short": "A passphrase has at least {limit} characters. Take four or five words.",
    "passphrase_wrong": "The passphrase is not the one that the backup's keys were sealed with. Try again.",
    "path_unknown": "There is nothing under {path}. See /docs for what there is.",
    "period_closed": "The books are closed through {closed_through}. Use a later date, or record a dated correction.",
    "period_not_over": "{date} is not over: the books are at {today}. Close a period through an earlier day.",
    "period_out_of_range": "A budget's period counts 1 to {limit}, not {count}.",
    "plugin_left_out": "The plugin {plugin} is not run: what it would add or change is left out.",
    "postings_missing": "A transaction needs two postings or more, and has {count}.",
    "preview_unknown": "There is no preview {import_id} in this book, or it has expired. Upload the file again.",
    "price_in_itself": "The price of {commodity} cannot be told in {commodity}. Give another currency.",
    "price_not_positive": "The price {rate} is not above zero.",
    "price_not_usable": "The price is not above zero, in the commodity itself, or on a day out of range.",
    "price_out_of_range": "A price has at most {digits} digits, {places} of them after the point.",
    "profile_not_for_format": "A profile tells how to read CSV, and this file is read as {format}. Leave the "
    "profile out.",
    "profile_not_valid": "The profile is wrong at {field}: {reason}. docs/profiles.md tells what it may say.",
    "profile_unknown": "There is no profile {profile}. There are: {profiles}.",
    "projection_differs": "The read model {projection} differs from a fresh fold of the log. `finshift projections "
    "rebuild {projection}` makes it anew.",
    "projection_not_at_rest": "The read model {projection} is being rebuilt all the while. Verify it when that is "
    "done.",
    "projection_not_parked": "The read model {projection} has not put this book aside: there is nothing to release.",
    "projection_parked": "The read model {projection} has put this book aside. Its reason stands in `finshift "
    "projections list`, and `finshift projections release` tries again.",
    "projection_unknown": "There is no read model {projection}. These are: {known}.",
    "projections_behind": "The read models are still {lag} events behind the books, and nothing else would be told of "
    "them: see that `finshift relay` and `finshift project` run (`finshift serve` starts both), then ask again.",
    "projections_stopped": "The read models stopped following the books, so the program ended: {reason}. Nothing that "
    "was recorded is lost. Start it again; its log tells more.",
    "qif_not_well_formed": "Line {line} does not belong where it stands in a QIF file. Export it again; nothing of it "
    "was imported.",
    "qif_without_transactions": "The file has no section of transactions, such as !Type:Bank. Export an account's "
    "transactions, not only lists.",
    "query_not_valid": "The question is not clear. See {fields}; /docs shows an example.",
    "quotes_not_proper": "Quotes in the file are not closed, so each of its lines was read by itself. Look at rows "
    "with quotes.",
    "read_models_damaged": "The read models are damaged. Stop Finshift, delete their database (read-models.db "
    "and what begins like it) and start again: they are folded anew from the events.",
    "read_models_unavailable": "The read models cannot be read right now. Ask again after {retry_after_s} s.",
    "rebuild_running": "The read model {projection} is being rebuilt by another program: wait until it is done, or "
    "end that one; what it did so far is kept.",
    "request_not_valid": "The request could not be read: {reason}.",
    "restore_differs": "What was restored is not what the backup tells of, first in {parts}. Nothing of it was kept. "
    "Restore with the release that made the backup, or take another backup.",
    "restore_keys_in_the_way": "The key file {file} stays as it is, and it lacks the keys of {books} books of the "
    "backup: they may have been erased since. Move the key file away if the backup's keys are to take its place.",
    "restore_target_not_empty": "Something is there already: {found}. Restore into an empty store with empty read "
    "models; move away what is there first.",
    "restore_unfinished": "A restore into this store did not end, so nobody may use it. Restore again: what is there "
    "is replaced.",
    "return_of_capital_not_booked": "Capital was returned: it lowers what a holding cost, and the file does not tell "
    "which lots. Record it yourself.",
    "row_amount_not_valid": "Row {row} has no amount that can be read: {text}. Correct the file; nothing of it was "
    "imported.",
    "row_columns_differ": "The row has {count} columns where {expected} have a name, so which is which is not "
    "certain. Book it by hand, or mend the line and import the file again.",
    "row_date_not_valid": "The row has no date that can be read.",
    "row_dated_by_statement": "The row itself has no date: it is booked on the statement's last day.",
    "row_deleted_by_person": "The row was imported before and voided by a person. It does not come back.",
    "row_in_other_currency": "The row is in {currency}, and the statement in {expected}. Book it by hand with its "
    "rate.",
    "row_informational": "The bank tells the row for information and has not booked it.",
    "row_is_opening_balance": "The row is an opening balance, not a movement. Say what your bank shows today instead.",
    "row_is_transfer": "Likely the other side of what {account} tells on {date}: the amounts are exactly opposite "
    "and nothing else fits.",
    "row_is_transfer_in_file": "Likely the other side of row {other_row}, which {account} tells on {date}.",
    "row_known": "The row is in the books already, as transaction {transaction}.",
    "row_matches": "Likely the movement that stands in your books on {date}: account and amount are the same.",
    "row_moves_nothing": "The row moves no money.",
    "row_new": "The row is new.",
    "row_of_investment": "This format does not tell enough of investments to book them. Ask the broker for OFX.",
    "row_on_first_open_day": "The row's own day lies in a closed period. It is booked on the first open day, {date}.",
    "row_pending": "The bank has announced the row and not booked it yet. It comes with a later file.",
    "row_reverted": "The bank has taken the row back, so it moved nothing.",
    "row_skipped": "The row was left out by your choice.",
    "row_splits_do_not_add_up": "The parts of the row do not sum to its amount. Correct them in the program that wrote "
    "it.",
    "row_state_unknown": "Whether the bank has booked a row that is {state} is not known. Name the word in a profile.",
    "row_status_unknown": "The bank gives the row the status {status}, not booked. It comes with a later file if it "
    "is.",
    "row_to_own_account": "Moves between your own accounts: it goes to {account} and counts neither as spending nor "
    "as income.",
    "row_twice_in_file": "The row stands in another statement of the same file.",
    "row_unknown": "The file has no row {row} to leave out.",
    "rows_after_closing_balance": "{count} rows of {account} stand behind the closing balance and are not part of "
    "it. They are booked on their own days.",
    "rows_dated_by_closing_balance": "{count} rows of {account} have a later day than the closing balance that holds "
    "them. They are booked on its day, {date}.",
    "rows_do_not_fit_columns": "{count} rows have more or fewer columns than the {expected} that are named. Export "
    "the file again, or say which profile it is written by.",
    "rule_amount_incomplete": "A rule's sizes need their commodity, and a commodity needs a size: at_least, at_most or "
    "both. Give both or neither.",
    "rule_amount_negative": "{amount} has a sign, and a rule compares sizes. Write it without, and say by the "
    "direction whether money comes in or goes out.",
    "rule_range_empty": "No movement is at least {at_least} and at most {at_most}. Correct one of them.",
    "rule_text_without_words": "There is no word to look for in {field}. Write letters or digits, or leave it out.",
    "rule_unknown": "There is no rule {rule} in this book. See the list of rules for ids.",
    "rule_without_condition": "The rule would fit everything. Give it a payee, a memo, an account, a direction or a "
    "size.",
    "running_balance_does_not_add_up": "The balances in the file are not what its rows add up to, first at row "
    "{row}, so none is taken as the bank's. Look whether rows are missing there.",
    "sale_without_lots": "The row is new. The file does not tell which lots were sold, so that the sale tells no gain "
    "until you say what they cost.",
    "scale_below_currency": "{commodity} is a currency of {scale} decimal places (ISO 4217). Declare at least as many.",
    "scale_out_of_range": "A commodity has 0 to {limit} decimal places, not {scale}.",
    "section_left_out": "The section {section} has {count} entries that are no transactions. They are left out.",
    "security_transfer_not_booked": "A security came or went without money, and the file does not tell what it cost. "
    "Record it with its cost yourself.",
    "short_trade_not_booked": "The trade opens or closes a short position, whose cost is known only when it ends. "
    "Record it yourself.",
    "sign_ambiguous": "Whether {text} goes in or out cannot be told. Say which way the file writes its signs.",
    "spending_faster_than_usual": "From {first} to {last} {spent} {commodity} were spent; a usual week of the last "
    "{weeks} with spending took {usual}. Look at the week's transactions for what can wait.",
    "split_not_booked": "A security was split: its units change and their cost does not. Record the split yourself.",
    "stack_busy": "Another `finshift stack` is at work in {folder}. Wait until it has ended.",
    "stack_down": "Not all of the stack runs: {servers}. Run `finshift stack up` first.",
    "stack_needs": "The stack needs {what}, which is not there. Install it: {install}.",
    "stack_not_fetched": "What {server} runs from could not be fetched: {reason}. Look whether this machine "
    "reaches Maven's repository, and run it again.",
    "stack_port_taken": "Port {port}, where the stack's {server} has its place, is taken by another program. "
    "End that one, and run `finshift stack up` again.",
    "stack_server_failed": "{server} of the stack does not run ({reason}). Mend what {log} tells, and run "
    "`finshift stack up` again.",
    "statement_does_not_add_up": "The bank's statement of {account} to {date} does not add up: {difference} is missing "
    "between its rows and its closing balance. Compare them with the bank.",
    "statement_of_other_book": "The files of this account of the bank go to another of your books so far. Import "
    "this one there, unless it belongs here too.",
    "store_busy": "The store is in use by something slow. Ask the same again after {retry_after_s} s.",
    "store_damaged": "The file that holds the books is damaged. Restore it from a backup.",
    "store_full": "The disk that holds the books is full. Make room, then ask the same again.",
    "store_missing": "The event store is empty, and the read models beside it tell of events. Put the store back from "
    "a backup, or remove the read models to begin anew.",
    "store_newer": "The books were written by a newer release of Finshift. Update Finshift.",
    "store_read_only": "The books cannot be written: their file or disk is read-only. Allow writing, then ask "
    "the same again.",
    "store_unreachable": "The store does not answer. Ask the same again after {retry_after_s} s.",
    "text_not_printable": "{field} has characters that cannot be shown. Remove them.",
    "text_too_long": "{field} is longer than {limit} characters. Shorten it.",
    "time_zone_unknown": "{time_zone} is no time zone. Use an IANA name such as America/Sao_Paulo.",
    "too_many_alert_workers": "There are {limit} alert workers on this data folder already. Start no more here.",
    "too_many_commands": "One request takes at most {limit} commands, and this one has {count}. Send several.",
    "too_many_commodities": "A book knows at most {limit} commodities. Use one that is declared already.",
    "too_many_labels": "A transaction has at most {limit} {field}.",
    "too_many_periods": "The span has more than {limit} periods. Ask for a shorter span or longer periods.",
    "too_many_postings": "A transaction has at most {limit} postings, and this one has {count}. Split it.",
    "too_many_rules": "A book has at most {limit} rules. Remove one, or let one look for less.",
    "too_many_search_words": "A search has at most {limit} words.",
    "too_many_statements": "The file tells of more than {limit} accounts, currencies or statements. Export fewer at "
    "a time.",
    "topic_diverged": "The topic {topic} holds version {version} of book {book} (partition {partition}) otherwise than "
    "the store does, or the store has no such version: it was restored to an earlier day, or the topic is another "
    "store's. Set another FINSHIFT_KAFKA_PREFIX, or delete the topic: then all is published anew.",
    "topic_foreign": "The last {records} messages in partition {partition} of the topic {topic} are no events. Find "
    "out who writes them; then set another FINSHIFT_KAFKA_PREFIX, or delete the topic: then all is published anew.",
    "topic_partitions_changed": "The topic {topic} has {partitions} partitions now and had {noted}, so that books are "
    "no longer each in one. Set another FINSHIFT_KAFKA_PREFIX, or delete the topic: then all is published anew.",
    "total_in_same_commodity": "A cost or price of {commodity} cannot be in {commodity} itself. Give another one.",
    "total_signed_otherwise": "The total {total} has another sign than the amount {amount}. Give both the same sign.",
    "trade_direction_unclear": "The trade's units and total have signs that do not fit each other. Look it up at the "
    "broker and record it yourself.",
    "trade_reversed": "The row takes back an earlier trade. Void that one yourself.",
    "trade_without_security": "The trade does not tell which security was traded. Look it up at the broker and record "
    "it yourself.",
    "trade_without_total": "The trade does not tell what it cost or brought. Look it up at the broker and record it "
    "yourself.",
    "trade_without_units": "The trade does not tell how many units moved. Look it up at the broker and record it "
    "yourself.",
    "transaction_id_used": "A transaction with the id {transaction} exists already. Leave the id to the server.",
    "transaction_not_joinable": "The row does not fit the transaction {transaction}. Import it on its own.",
    "transaction_not_of_one_category": "The transaction {transaction} has {count} categories where one is expected. "
    "Amend it instead.",
    "transaction_not_standing": "There is no transaction {transaction} that can still change: it is unknown, voided, "
    "or in a closed period. A closed period takes a dated correction.",
    "transaction_reconciled": "The transaction is part of a confirmed balance of {account}. Take that confirmation "
    "back first.",
    "transaction_unbalanced": "The postings do not sum to zero: {residue} is left over. Correct the amounts.",
    "transfer_not_clear": "Could be a transfer, and {count} movements would fit, so it is booked on its own. If it "
    "is one, void it and amend the one that it belongs to.",
    "turnover_out_of_range": "All that this book has moved in {commodity} would go beyond {limit_minor} of the "
    "smallest unit.",
    "upload_not_valid": "The upload cannot be read: {reason}. Send multipart/form-data with one field `file`.",
    "weights_not_positive": "Nothing can be shared by weights that are negative or all zero.",
    "which_account": "Is statement {statement} of the file one of your accounts? Otherwise {account} is opened for it.",
    "which_date_order": "Is {example} written with the day first or with the month first?",
    "which_decimal_mark": "Which is the decimal mark in {example}: the point or the comma?",
    "which_sign": "No amount has a sign. Is {example} money that came in, or money that was spent?",
}
"""Templates by code; what stands in braces is one of the refusal's params."""


def sentence(code: str, params: Mapping[str, object]) -> str:
    """The sentence of a code with its facts in place.

    A code without a sentence is told as it is: a parked book's reason may have been written by a newer release.
    """
    template = SENTENCES.get(code)
    if template is None:
        return code
    return template.format_map(_Told({name: _told(value) for name, value in params.items()}))


class _Told(dict[str, str]):
    """Facts as texts; one that is missing is told as missing, since a refusal must never fail for its wording."""

    def __missing__(self, name: str) -> str:
        return f"({name})"


def _told(value: object) -> str:
    match value:
        case None:
            return "none"
        case Enum():
            return str(value.value)
        case datetime() | date():
            return value.isoformat()
        case Decimal():
            return format(value, "f")
        case list() | tuple():
            listed = ", ".join(_told(part) for part in value[:MAX_LISTED])
            more = len(value) - MAX_LISTED
            return f"{listed} and {more} more" if more > 0 else listed
        case _:
            return str(value)
