"""The agreement's text, worked out once for routing."""

from datetime import timedelta
from functools import lru_cache
from typing import Any

from services.handoff.domain.calendar import Calendar
from services.handoff.domain.policy import Policy, Pool, Rule, Tier
from services.handoff.domain.rules import language_key, postal_code, reason_key
from shared import agreement as schema
from shared.agreement import Agreement, AgreementError, hash_of, parse
from shared.database import Transaction
from shared.in_force import agreement_in_force
from shared.mail import Unsendable, split_mailbox, wire_address

parse_agreement = lru_cache(maxsize=8)(parse)


def parse_new(text: str) -> Agreement:
    """An agreement before it is signed: versions that were kept may say what is refused here. Raises AgreementError."""
    agreement = parse(text)
    try:
        wire_address(split_mailbox(agreement.company.sender)[1])
    except Unsendable as error:
        raise AgreementError("In company.sender: write an address, for example Joe's <joe@example.com>.") from error
    return agreement


async def current_policy(unit: Transaction) -> Policy:
    """The agreement in force, as routing reads it."""
    return policy_of(await _text(unit))


async def current_agreement(unit: Transaction) -> Agreement:
    """The agreement in force. There is one from the first start."""
    return parse_agreement(await _text(unit))


async def _text(unit: Transaction) -> str:
    found = await agreement_in_force(unit)
    if found is None:
        raise LookupError("no agreement was applied yet: start handoff once, or `agreement apply` one")
    return found[1]


@lru_cache(maxsize=8)
def policy_of(text: str) -> Policy:
    return compile_policy(parse_agreement(text), hash_of(text))


def compile_policy(agreement: Agreement, agreement_hash: str) -> Policy:
    codes, prefixes = _areas(agreement)
    return Policy(
        hash=agreement_hash,
        rules=tuple(map(_rule, agreement.rules)),
        pools={name: _pool(name, pool, agreement) for name, pool in agreement.pools.items()},
        tiers={name: _tier(name, tier) for name, tier in agreement.tiers.items()},
        holidays=agreement.holidays,
        codes=codes,
        prefixes=prefixes,
        max_attempts=agreement.max_attempts,
        sticky_for=timedelta(days=agreement.sticky_days),
        refund_reasons=frozenset(map(reason_key, agreement.refund_reasons)),
        selections=frozenset((*agreement.selections, *(one for rule in agreement.rules for one in rule.selection))),
    )


def _areas(agreement: Agreement) -> tuple[dict[str, tuple[str, ...]], tuple[tuple[str, str], ...]]:
    """Which names a postal code goes by: territories by their name, codes in rules as `=code`."""
    codes: dict[str, tuple[str, ...]] = {}
    prefixes: dict[tuple[str, str], None] = {}
    named = [(name, code) for name, listed in agreement.territories.items() for code in listed]
    named += [(f"={code}", code) for rule in agreement.rules for code in rule.postal_code]
    for name, code in named:
        if code.endswith("*"):
            prefixes[postal_code(code[:-1]), name] = None
        else:
            codes[postal_code(code)] = tuple(dict.fromkeys((*codes.get(postal_code(code), ()), name)))
    return codes, tuple(prefixes)


def _pool(name: str, pool: schema.Pool, agreement: Agreement) -> Pool:
    zone = pool.zone or agreement.company.zone
    special = agreement.holidays.get(pool.holidays or "", {})
    return Pool(
        name=name,
        zone=zone,
        calendar=Calendar(zone, pool.hours, special),
        everyone=pool.everyone,
        skills=frozenset(pool.skills),
        licences=frozenset(pool.licences),
        overflow=pool.overflow,
        sticky=pool.sticky,
        catch_up=pool.catch_up,
        hold_for=timedelta(minutes=pool.hold_minutes or agreement.hold_minutes),
    )


def _tier(name: str, tier: schema.Tier) -> Tier:
    return Tier(
        name=name,
        accept_within=tier.accept_within,
        touch_within=tier.touch_within,
        warn_at=tuple(sorted(set(tier.warn_at_percent))),
        always=tier.clock == "always",
        after_hours=tier.after_hours,
        grace=timedelta(minutes=tier.sticky_grace_minutes),
    )


def _rule(rule: schema.Rule) -> Rule:
    areas = ([frozenset({rule.territory})] if rule.territory else []) + (
        [frozenset(f"={code}" for code in rule.postal_code)] if rule.postal_code else []
    )
    return Rule(
        name=rule.name,
        pool=rule.pool,
        areas=tuple(areas),
        selection=frozenset(rule.selection),
        tier=frozenset(rule.tier),
        form=frozenset(rule.form),
        source=frozenset(one.strip().casefold() for one in rule.source),
        language=frozenset(map(language_key, rule.language)),
        answers=tuple((name, _test(test)) for name, test in rule.answers.items()),
        skills=frozenset(rule.skills),
        licences=frozenset(rule.licences),
    )


def _test(test: Any) -> Any:
    return (test.at_least, test.at_most) if isinstance(test, schema.Range) else test
