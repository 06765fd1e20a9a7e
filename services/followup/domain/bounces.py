"""What a bounce says about an address: gone for good (hard), not now (soft), refused because of us (blocked) or nothing."""

import re
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["hard", "soft", "blocked", "delayed", "unclear"]


@dataclass(frozen=True, slots=True)
class Failure:
    """One recipient of a report, in the reporter's own words. `words` is what the refusing server said."""

    addresses: tuple[str, ...]
    action: str = ""  # failed, delayed, delivered, relayed, expanded; empty where only a text tells
    status: str = ""  # RFC 3463, for example 5.1.1
    words: str = ""
    after_data: bool = False  # the address was taken at RCPT; what refused came after the message
    x400: bool = False


def _any(*phrases: str) -> re.Pattern[str]:
    return re.compile("|".join(phrases), re.IGNORECASE)


# About us or about the message: the address is as good as it was.
BLOCKED = _any(
    r"\bspam(?!trap\S{0,64}@)|\bUBE\b|unsolicited|junk mail|bulk mail|phish|virus|malware|infected|content reject"
    r"|content filter",
    r"\bRBL\b|DNSBL|spamhaus|spamcop|sorbs|barracudacentral|blacklist|blocklist|block list|block-list|black list"
    r"|listed (?:in|at|on)\b",
    r"blocked|banned|reputation|rate limit|complaints?\b|throttl|TSS\d\d",
    r"\bSPF\b|\bDKIM\b|\bDMARC\b|unauthenticated|authentication (?:required|failed|checks?)|not authenticated|RFC 7489",
    r"\bPTR\b|reverse (?:DNS|lookup|mapping|host)|rDNS|unverifi?y?able sending|helo|no A record for|cannot resolve your"
    r"|cannot find your",
    r"(?:sender|client host|client|mail from|host network|your (?:host|ip|mail|message|domain|network|server))\b.{0,60}"
    r"\b(?:rejected|denied|refused|not (?:allowed|accepted|permitted|authori[sz]ed|welcome)|unacceptable)",
    r"sender (?:was|is|address) (?:rejected|denied|refused|not)|unroutable sender|sender (?:domain|verify|address)"
    r"|bad sender",
    r"polic(?:y|ies)|prohibited|not (?:allowed|permitted|authori[sz]ed) to (?:send|post|relay)|relay quota"
    r"|relay access denied",
    r"we do not accept|not accepted from|mail from \S+ (?:is )?(?:rejected|denied|refused)|mail from your"
    r"|restricted (?:address|group)",
    r"access denied|transaction failed.{0,20}local|administrative(?:ly)? (?:prohibit|denied)|smtp server of your ISP"
    r"|open relay",
    r"permission to post|posting (?:is )?(?:not|denied)|only members|members[- ]only|moderat|投稿する権限|feedback loop",
    r"loop(?:ed|ing)? (?:count|detected)|too many hops|mail loop|message (?:was )?(?:rejected|refused) (?:by|due)"
    r"|TLS required|STARTTLS",
)
# About the mailbox or the moment: another day it may be taken.
SOFT = _any(
    r"quota|(?:mailbox|inbox|mailfolder|mail ?box|folder|disk|storage)\b.{0,30}\b(?:full|exceed|over|limit|space)"
    r"|out of storage",
    r"(?:full|exceed\w*|over|insufficient|not enough)\b.{0,30}\b(?:mailbox|inbox|quota|storage|disk|space)|mailbox size"
    r"|local limit",
    r"(?:account|mailbox|user|recipient|email)\b.{0,60}\b(?:disabled|suspended|frozen|inactive"
    r"|deactivated|locked|blocked for|on hold)",
    r"(?:disabled|suspended|inactive|locked|frozen) (?:account|mailbox|user|recipient)|not (?:been )?activated|temporarily",
    r"too (?:large|big)|size (?:limit|exceeds)|(?:maximum|max)\b.{0,30}\bsize|message length|exceeds the (?:maximum|size)",
    r"expired|time[- ]?(?:d )?out|timeout|retry time|too long|multiple retries|giving up on|unable to deliver in"
    r"|in the queue",
    r"connection (?:refused|reset|dropped|lost|failed)|could not connect|unable to connect|requests to connect"
    r"|socket error",
    r"(?:network|host|server) (?:is )?(?:unreachable|down|busy|not respond)|no route"
    r"|did ?n.t (?:respond|accept our requests)",
    r"too many (?:connections|messages|recipients|errors|sessions)|frequency limit|try (?:again|later)|later\.|greylist"
    r"|graylist",
    r"(?:system|local|configuration|internal|resources?|i/o|disk) (?:error|problem|failure)"
    r"|insufficient (?:system )?(?:resources|memory)",
    r"deferred|delayed|postponed|service (?:is )?(?:currently |temporarily )?(?:unavailable|not available)"
    r"|mail server is (?:down|busy)",
    r"headers? too large|content (?:error|conversion)|malformed|lone CR|line too long|8bit|bare (?:LF|CR)"
    r"|conversion (?:required|not)",
)
# About the address itself: nobody is there, and nobody will be.
HARD = _any(
    r"(?:user|recipient|mailbox|address(?:ee)?|account|name|alias|person|destinatario|utilisateur|empfaenger|destinataire)"
    r"(?: name| address| account| id)?[^.;\n]{0,90}?\b(?:unknown|not (?:found|exist|known|listed"
    r"|recogni[sz]ed|valid|local|available here)|"
    r"invalid|does ?n.t exist|does not exist|doesn.t have|no longer|non-?existent|unbekannt|inconnu|invalide|desconocid"
    r"|inexist|"
    r"undeliverable|illegal|bad|incorrect|wrong|ambiguous|is closed|closed|terminated|discontinued|cancelled|deleted"
    r"|removed)",
    r"(?:unknown|invalid|no such|illegal|bad|nonexistent|non-existent|unroutable|unrouteable"
    r"|undeliverable|no|not a valid|inactive or invalid)"
    r" (?:or (?:illegal|invalid) )?(?:local |final delivery |destination |e-?mail |virtual |mail)?"
    r"(?:user(?:id|name)?|recipients?|mailbox|address(?:ee)?|account|name|person|alias|local[- ]part|mail drop)\b",
    r"mailbox unavailable|mailbox not (?:found|available)|no mailbox|not our (?:customer|user)|isn.t (?:a|in)"
    r"|is not (?:a|in|one|listed)\b",
    r"recipient address rejected: access denied|no such user|user unknown|unknown in (?:local|virtual|relay)"
    r"|RecipNotFound|RecipientNotFound",
    r"(?:host|domain|name service|server)\b[^.;\n]{0,60}\b(?:not found|unknown|does not exist|doesn.t"
    r" exist|no such|not known|NXDOMAIN)",
    r"(?:couldn.t|could not|cannot|can.t) (?:find|resolve) (?:any|a|the)? ?(?:host|domain|mail exchanger|MX)"
    r"|unknown (?:host|domain)|"
    r"host unknown|no such (?:host|domain)|null ?MX|does not accept (?:any )?(?:e-?)?mail|doesn.t accept (?:e-?)?mail"
    r"|no MX|invalid domain",
    r"has moved|moved to|no longer (?:valid|in use|active|available|employed|works|accept)|forwarding address|new address",
    r"does not have a final|no matches to|destination address (?:rejected|invalid)|could not be found|not accepting mail",
)
_ABOUT_US = re.compile(
    r"(?:after|in reply to|reply to) (?:MAIL FROM|initial connection|EHLO|HELO|connection)|^>>> (?:MAIL|HELO|EHLO)\b", re.I | re.M
)
_AFTER_DATA = _any(r"(?:after|in reply to) (?:end of data|sending message|pipelined (?:end of )?data|DATA)")
_TRANSCRIPT = re.compile(r"^>>> DATA\b.*\n<<< (?!503|.*(?:need RCPT|valid recipients))[45]\d\d", re.M)
_NOT_YET = _any(
    r"warning message only|delivery attempts will continue|will continue to try|will (?:be retried|keep trying)"
    r"|not yet been delivered",
    r"has been (?:delayed|postponed)|still (?:being )?(?:tried|undelivered)|\bdelayed \d+ hours|no action is required"
    r"|could not be delivered for",
)
_QUOTED = re.compile(  # our own words, sent back
    r"^[^\S\n]{0,80}(?:subject|thread-topic|betreff|objet)[^\S\n]{0,80}:.*$", re.I | re.M
)
_ENHANCED = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_REPLY = re.compile(r"(?<![\d.#-])([45])[0-5]\d(?=[\s\-:#]|$)")


def is_not_yet(text: str) -> bool:
    """Whether a text says that delivery is still being tried."""
    return _NOT_YET.search(text) is not None


def came_after_data(text: str) -> bool:
    """Whether the recipient was taken at RCPT and the refusal came only after the message."""
    return _AFTER_DATA.search(text) is not None or (">>> RCPT" not in text and _TRANSCRIPT.search(text) is not None)


def verdict_of(failure: Failure) -> Verdict:
    """What this failure means for the address. Words beat codes: half of the servers send 5.7.1 for everything."""
    action, words = failure.action.strip().lower(), failure.words
    if action.startswith(("delivered", "relayed", "expanded")):
        return "unclear"
    if action.startswith("delay") or (not action and is_not_yet(words)):
        return "delayed"
    if failure.x400 and action.startswith("fail"):
        return "hard"  # an X.400 gateway has tried elsewhere before it says so
    meaning = _meaning(_QUOTED.sub("", words))
    status = failure.status or _first_status(words)
    if meaning == "hard" and failure.after_data:
        return "blocked"  # the address was good at RCPT: a filter uses the words of a missing mailbox
    if meaning is not None:
        return meaning if meaning != "soft" else _soft(words, status)
    return _by_code(action, status, words)


def _meaning(words: str) -> Verdict | None:
    """The first family of phrases that fits. A server that names the sender or the connection speaks about us."""
    if _ABOUT_US.search(words):
        return "blocked"
    found = _RESERVED.search(words)
    if found is not None:
        return "hard"
    for verdict, phrases in _FAMILIES:
        if phrases.search(words):
            return verdict
    return None


# What only ever speaks about the address, even beside a word of the other families.
_RESERVED = _any(
    r"recipient address rejected: access denied|user unknown|unknown (?:user|recipient)|no such user|invalid recipient",
    r"not listed in|is not recognized|mailbox unavailable or not local",
)
_FAMILIES: tuple[tuple[Verdict, re.Pattern[str]], ...] = (("blocked", BLOCKED), ("soft", SOFT), ("hard", HARD))


def _soft(words: str, status: str) -> Verdict:
    """A full or disabled mailbox that a report tells of without any code is one its server has given up on."""
    has_code = bool(status) or _REPLY.search(words) is not None
    return "soft" if has_code or not _GIVEN_UP.search(words) else "hard"


_GIVEN_UP = _any(r"quota", r"\bfull\b", r"disabled", r"suspended", r"inactive", r"deactivated")


def _by_code(action: str, status: str, words: str) -> Verdict:
    if status.startswith("5"):
        klass, _, rest = status.partition(".")
        subject = rest.partition(".")[0]
        if rest in ("2.1", "2.2", "2.3") or subject in ("3", "6"):
            return "soft" if klass == "5" else "unclear"
        return "blocked" if subject == "7" else "hard"
    if status.startswith("4"):
        return "soft"
    reply = _REPLY.search(words)
    if reply is not None:
        return "hard" if reply[1] == "5" else "soft"
    if action.startswith("fail") or words.strip():
        return "hard"
    return "unclear"


def _first_status(words: str) -> str:
    found = _ENHANCED.search(words)
    return ".".join(found.groups()) if found else ""
