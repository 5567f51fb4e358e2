"""Which rule set each account chose, and what its owner should know of the choice. Pure; the date is given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal

from config.groups import ProgramSettings
from config.problems import Problem, Severity
from config.reading import account_owner
from config.rule_sets import RuleSetBook, UnknownRuleSet, find_rule_set
from domain.account import AccountKey
from domain.money import plain
from domain.rule_set import Confidence, RuleSet

# Of these nothing stricter stands in when no source was found: an unknown lock trails on, a micro counts as a mini.
NO_LIMIT_WHILE_UNKNOWN = ("drawdown", "daily_loss", "max_minis", "scaling", "starting_balance", "day")


def chosen_rule_sets(
    programs: Mapping[AccountKey, ProgramSettings], book: RuleSetBook, today: date
) -> tuple[dict[AccountKey, RuleSet], list[Problem]]:
    """Return the rule set of each account that chose a valid one, and every problem with files and choices.

    An error refuses live entries: of the account for a bad choice, of all for a file that cannot be read in full.
    """
    problems = [_faulty_file(str(fault), fault.file, fault.given, fault.expected) for fault in book.problems]
    chosen: dict[AccountKey, RuleSet] = {}
    for account, program in programs.items():
        if program.rule_set is None:
            continue
        firms_own = {name: known for name, known in book.sets.items() if known.firm_code == account.firm_code}
        try:
            rule_set = find_rule_set(program.rule_set, today=today, among=firms_own)
        except UnknownRuleSet as error:
            problems.append(_not_usable(account, program.rule_set, error.closest or tuple(firms_own), book, today))
            continue
        chosen[account] = rule_set
        problems.extend(_cautions(account, rule_set, today))
        problems.extend(_misfits(account, program, rule_set))
    return chosen, problems


def _faulty_file(fault: str, file: str, given: str, expected: str) -> Problem:
    return Problem(
        severity=Severity.ERROR,
        variable=f"config/firms/{file}",
        value=given,
        expected=expected,
        message=f"{fault}; until it is corrected, live entries of all accounts are refused.",
    )


def _not_usable(account: AccountKey, text: str, existing: tuple[str, ...], book: RuleSetBook, today: date) -> Problem:
    variable = f"{account_owner(account).prefix}RULE_SET"
    try:
        other = find_rule_set(text, today=today, among=book.sets)
        fault = f"{other.ref} is a rule set of {other.firm_code}"
    except UnknownRuleSet:
        fault = f'{account.firm_code} has no rule set "{text}"'
    return Problem(
        severity=Severity.ERROR,
        variable=variable,
        value=text,
        expected=f"a rule set of {account.firm_code}, such as {', '.join(existing)}",
        message=f"{variable} cannot be used: {fault}. Until it is corrected, live entries of {account} are refused, "
        "and dry-run decides without a rule set.",
        account=account,
        firm_code=account.firm_code,
    )


def _cautions(account: AccountKey, rule_set: RuleSet, today: date) -> Iterator[Problem]:
    """Warn of a rule set that is not in force yet, out of date, badly founded or incomplete."""
    if rule_set.ref.version > today:
        yield _caution(account, rule_set, f"is in force only from {rule_set.ref.version}", "a version that is in force")
    if today > rule_set.check_again:
        yield _caution(
            account,
            rule_set,
            f"was to be checked again by {rule_set.check_again} (its source is of {rule_set.checked}); compare it with "
            "the firm's present rules",
            "a rule set whose date to check again has not passed",
        )
    if rule_set.confidence is Confidence.LOW:
        yield _caution(
            account,
            rule_set,
            f"stands on sources of low confidence ({rule_set.source}); compare it with the firm's own rules",
            "a rule set of medium or high confidence",
        )
    missing = [name for name in NO_LIMIT_WHILE_UNKNOWN if name in rule_set.unknown and not _stands_in(name, rule_set)]
    if missing:
        yield _caution(
            account,
            rule_set,
            f"does not know the firm's {', '.join(missing)}, for which no source was found; ask the firm, and set "
            "limits of your own",
            "limits of your own in place of what is not known",
        )


def _stands_in(name: str, rule_set: RuleSet) -> bool:
    """Return whether the known first step of a scaling plan holds in place of the whole plan."""
    return name == "scaling" and bool(rule_set.scaling)


def _caution(account: AccountKey, rule_set: RuleSet, fact: str, expected: str) -> Problem:
    return _warning(account, "RULE_SET", str(rule_set.ref), expected, f"Rule set {rule_set.ref} {fact}.")


def _misfits(account: AccountKey, program: ProgramSettings, rule_set: RuleSet) -> Iterator[Problem]:
    """Warn of each value of the owner that does not go with the rule set; of two limits the tighter stays in force."""
    rule = rule_set.drawdown
    pairs: tuple[tuple[str, Decimal | int | None, Decimal | int | None], ...] = (
        ("MAX_DAILY_LOSS", program.max_daily_loss, None if rule.daily is None else rule.daily.amount),
        ("MAX_DRAWDOWN", program.max_drawdown, rule.amount),
        ("MAX_CONTRACTS", program.max_contracts, rule_set.max_minis),
        ("ACCOUNT_SIZE", program.account_size, rule_set.account_size),
    )
    for name, given, limit in pairs:
        if given is None or limit is None or given <= limit:
            continue
        rest = ""
        if name == "MAX_CONTRACTS" and rule_set.max_micros is not None:
            rest = f"; of micros {min(int(given), rule_set.max_micros)} are allowed"
        yield _looser(account, name, plain(Decimal(given)), plain(Decimal(limit)), rule_set, rest)
    if program.allowed_sessions is not None and rule_set.allowed_sessions is not None:
        extra = [name for name in program.allowed_sessions if name not in rule_set.allowed_sessions]
        if extra:
            given_names, allowed = ",".join(program.allowed_sessions), ",".join(rule_set.allowed_sessions)
            yield _looser(account, "ALLOWED_SESSIONS", given_names, allowed, rule_set, "")
    start = program.starting_balance
    if start is not None and start != rule.starting_balance:
        yield _other_start(account, start, rule_set)
    if program.buffer is not None and rule.amount is not None and program.buffer >= rule.amount:
        yield _warning(
            account,
            "BUFFER",
            plain(program.buffer),
            f"less than the drawdown of {plain(rule.amount)}",
            f"The buffer of {account} leaves no room: the drawdown of rule set {rule_set.ref} is {plain(rule.amount)}, "
            "so every entry is refused.",
        )


def _looser(account: AccountKey, name: str, given: str, limit: str, rule_set: RuleSet, rest: str) -> Problem:
    return _warning(
        account,
        name,
        given,
        f"at most {limit}, or nothing: the rule set holds by itself",
        f"{account_owner(account).prefix}{name} is {given}, looser than the {limit} of rule set {rule_set.ref}, which "
        f"stays in force{rest}.",
    )


def _other_start(account: AccountKey, start: Decimal, rule_set: RuleSet) -> Problem:
    stated = plain(rule_set.drawdown.starting_balance)
    return _warning(
        account,
        "STARTING_BALANCE",
        plain(start),
        f"{stated}, or nothing",
        f"{account_owner(account).prefix}STARTING_BALANCE is {plain(start)}, but an account of rule set {rule_set.ref} "
        f"starts at {stated}, from which its floor is counted; is it the right rule set?",
    )


def _warning(account: AccountKey, name: str, value: str, expected: str, message: str) -> Problem:
    return Problem(
        severity=Severity.WARNING,
        variable=account_owner(account).prefix + name,
        value=value,
        expected=expected,
        message=message,
        account=account,
        firm_code=account.firm_code,
    )
