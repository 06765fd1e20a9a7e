"""What a mail that came in means: gone for good, not now, our own fault, a complaint, a machine or a person."""

import re
import time
from email.message import EmailMessage
from pathlib import Path

import pytest

from services.followup.adapters import rendering
from services.followup.adapters.incoming import read_mail
from services.followup.domain.bounces import Failure, verdict_of
from services.followup.domain.incoming import complained, complainers, kind_of
from services.followup.domain.replies import named_in, own_words, wish_of


@pytest.mark.parametrize(
    ("verdict", "status", "words"),
    [
        ("hard", "5.1.1", "smtp; 550 5.1.1 The email account that you tried to reach does not exist."),
        ("hard", "5.4.1", "smtp; 550 5.4.1 Recipient address rejected: Access denied"),
        ("hard", "5.7.1", "smtp; 554 5.7.1 <a@example.net>: Recipient unknown"),
        ("hard", "5.1.2", "dns; Host or domain name not found. Name service error for name=example.net type=MX: Host not found"),
        ("hard", "5.1.10", "smtp; 556 5.1.10 The domain example.net does not accept mail (nullMX)"),
        ("hard", "5.5.0", "smtp; 550 Requested action not taken: mailbox unavailable"),
        ("hard", "", "554 delivery error: dd This user doesn't have an account here"),
        ("hard", "5.1.6", "smtp; 551 5.1.6 The recipient has moved to another provider"),
        ("hard", "5.0.0", ""),
        ("soft", "5.2.2", "smtp; 552 5.2.2 The email account is over quota"),
        ("soft", "4.4.7", ""),
        ("soft", "5.2.1", "smtp; 550 5.2.1 The account is disabled"),
        ("soft", "5.3.4", "smtp; 552 5.3.4 Message size exceeds fixed limit"),
        ("soft", "4.4.1", "smtp; connect to mx.example.net: Connection timed out"),
        ("blocked", "5.7.1", "smtp; 550 5.7.1 Message rejected due to spam content"),
        ("blocked", "5.7.26", "smtp; 550-5.7.26 This mail has been blocked because the sender is unauthenticated"),
        ("blocked", "5.1.1", "smtp; 554 Service unavailable; Client host [192.0.2.1] blocked using a list of bad hosts"),
        ("blocked", "5.7.1", "smtp; 554 5.7.1 <a@example.net>: Relay access denied"),
        ("blocked", "5.0.0", "smtp; 550 Denied by policy"),
    ],
)
def test_words_of_a_refusal_are_read_as_a_person_would(verdict: str, status: str, words: str) -> None:
    assert verdict_of(Failure(("a@example.net",), action="failed", status=status, words=words)) == verdict


def test_a_delay_is_no_failure_and_a_delivery_is_none_either() -> None:
    assert verdict_of(Failure(("a@example.net",), action="delayed", status="4.4.1")) == "delayed"
    assert verdict_of(Failure(("a@example.net",), action="delivered", status="2.0.0")) == "unclear"


def test_an_unknown_user_after_the_message_is_a_filter_speaking() -> None:
    failure = Failure(("a@example.net",), action="failed", status="5.2.0", words="SMTP; 550 : User unknown", after_data=True)
    assert verdict_of(failure) == "blocked"


@pytest.mark.parametrize(
    "text",
    [
        "Your message could not be handed to these users, because\nthey are unknown:\n\tada.case\n",
        "----- Not delivered to the following: -----\n\n ada.case    unknown user\n\nAsk postmaster@example.net for help.",
    ],
)
def test_a_system_that_calls_its_user_by_name_alone_means_its_own_domain(text: str) -> None:
    mail = read_mail(f"From: MAILER-DAEMON@mx.example.net\nTo: bounces@example.com\nSubject: Returned mail\n\n{text}".encode())
    assert kind_of(mail) == "bounce"
    assert {"ada.case@mx.example.net", "ada.case@example.net"} <= set(mail.failures[0].addresses)
    assert "ada.case@net" not in mail.failures[0].addresses
    assert verdict_of(mail.failures[0]) == "hard"


def report(*blocks: str, text: str = "It could not be delivered.") -> bytes:
    """A delivery report of RFC 3464, written by hand as mail systems do."""
    fields = "\r\n\r\n".join(("Reporting-MTA: dns; mx.example.net", *blocks))
    return (
        "From: MAILER-DAEMON@mx.example.net\r\nTo: bounces@example.com\r\nSubject: Undelivered Mail Returned to Sender\r\n"
        "Return-Path: <>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report;"
        ' report-type=delivery-status; boundary="b"\r\n\r\n'
        f"--b\r\nContent-Type: text/plain\r\n\r\n{text}\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n{fields}\r\n\r\n"
        "--b\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: <touch@example.com>\r\nTo: a@example.net\r"
        "\n\r\nHello\r\n--b--\r\n"
    ).encode()


def test_each_recipient_of_a_report_has_a_verdict_of_their_own() -> None:
    mail = read_mail(
        report(
            "Final-Recipient: rfc822; gone@example.net\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code:"
            " smtp; 550 5.1.1 unknown",
            "Final-Recipient: rfc822; full@example.net\r\nAction: failed\r\nStatus: 5.2.2",
        )
    )
    assert kind_of(mail) == "bounce"
    assert {one.addresses: verdict_of(one) for one in mail.failures} == {
        ("gone@example.net",): "hard",
        ("full@example.net",): "soft",
    }
    assert mail.returned["message-id"] == "<touch@example.com>"


@pytest.mark.parametrize(
    ("subject", "text", "verdict"),
    [
        (
            "failure notice",
            "I wasn't able to deliver your message.\n\n<a@example.net>:\nSorry, no mailbox here by that name. (#5.1.1)",
            "hard",
        ),
        (
            "Mail delivery failed",
            "The following address(es) failed:\n\n  a@example.net\n    all relevant MX records point to"
            " non-existent hosts: Unrouteable address",
            "hard",
        ),
        ("Undeliverable mail", "Unknown user: a@example.net\n\nRCPT TO generated following response:\n550 5.1.1 unknown", "hard"),
        (
            "Mail delivery failed",
            "  a@example.net\n    SMTP error from remote mail server after MAIL FROM:<x@example.com>:\n    550 who are you",
            "blocked",
        ),
        (
            "Delivery Status Notification (Delay)",
            "Delivery to the following recipient has been delayed:\n\n  a@example.net\n\nMessage will be retried",
            "delayed",
        ),
        ("failure notice", "<a@example.net>:\n452 4.2.2 mailbox full\nI'm not going to try again", "soft"),
    ],
)
def test_a_bounce_that_only_says_it_in_words_is_understood(subject: str, text: str, verdict: str) -> None:
    returned = (
        "--- Below this line is a copy of the message.\n\nReturn-Path: <x@example.com>\nTo:"
        " other@example.org\nMessage-ID: <t@example.com>\n"
    )
    raw = f"From: MAILER-DAEMON@example.net\nTo: bounces@example.com\nSubject: {subject}\n\nHi.\n\n{text}\n\n{returned}"
    mail = read_mail(raw.encode())
    assert kind_of(mail) == "bounce"
    assert [(one.addresses, verdict_of(one)) for one in mail.failures] == [(("a@example.net",), verdict)]
    assert mail.returned["message-id"] == "<t@example.com>"


def test_two_people_in_one_bounce_are_told_apart() -> None:
    text = "Unable to deliver.\n\n<a@example.net>:\n550 5.1.1 user unknown\n\n<b@example.net>:\n552 5.2.2 mailbox full\n"
    mail = read_mail(f"From: MAILER-DAEMON@example.net\nTo: bounces@example.com\nSubject: failure notice\n\n{text}".encode())
    assert [verdict_of(one) for one in mail.failures] == ["hard", "soft"]


@pytest.mark.parametrize(("kind", "counts"), [("abuse", True), ("opt-out", True), ("not-spam", False), ("auth-failure", False)])
def test_only_a_person_who_pressed_the_button_has_complained(kind: str, counts: bool) -> None:
    raw = (
        'From: fbl@example.net\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=feedback-report; boundary="b"\n\n'
        f"--b\nContent-Type: text/plain\n\nA report.\n--b\nContent-Type: message/feedback-report\n\nFeedback-Type: {kind}\n"
        "Original-Rcpt-To: <a@example.net>\n--b\nContent-Type: message/rfc822\n\nMessage-ID: <t@example.com>\n\nHello\n--b--\n"
    )
    mail = read_mail(raw.encode())
    assert kind_of(mail) == "complaint"
    assert complained(mail) is counts
    assert complainers(mail) == ["a@example.net"]


@pytest.mark.parametrize(
    ("header", "value", "kind"),
    [
        ("Auto-Submitted", "auto-replied; owner-email=a@example.net", "automatic"),
        ("Auto-Submitted", "no", "reply"),
        ("X-Auto-Response-Suppress", "OOF, AutoReply", "automatic"),
        ("Precedence", "auto_reply", "automatic"),
        ("Precedence", "first-class", "reply"),
        ("X-Autoreply", "yes", "automatic"),
        ("Subject", "Automatic reply: How did we do?", "automatic"),
        ("Subject", "Abwesenheitsnotiz", "automatic"),
        ("Subject", "Re: How did we do?", "reply"),
        ("Return-Path", "<>", "automatic"),
    ],
)
def test_a_machine_and_a_person_are_told_apart(header: str, value: str, kind: str) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"] = "Client <a@example.net>", "touches@example.com"
    mail[header] = value
    mail.set_content("I will read this soon.")
    assert kind_of(read_mail(mail.as_bytes())) == kind


@pytest.mark.parametrize(
    ("sender", "kind"),
    [
        ("Bounce House Fun <hi@bouncehouse.example>", "reply"),
        ("Ada Case <ada@smtp2go.example>", "reply"),
        ("bounces+ada=example.net@mail.example", "automatic"),
        ("SMTP Gateway <gateway@mail.example>", "automatic"),
        ("Postmaster <ada@mail.example>", "automatic"),
    ],
)
def test_who_has_a_machines_word_in_their_name_is_heard(sender: str, kind: str) -> None:
    assert kind_of(read_mail(f"From: {sender}\nSubject: Re: Thank you\n\nstop\n".encode())) == kind


@pytest.mark.parametrize(
    "raw", [b"", b"\xff\xfe\x00", b"Content-Type: multipart/report; boundary=x\n\n--x", b"Subject: =?x?q?=ff?=\n\n" + b"\n" * 9]
)
def test_what_is_no_mail_is_read_without_an_exception(raw: bytes) -> None:
    assert read_mail(raw).feedback == ()


@pytest.mark.parametrize(
    "head",
    [
        "Subject: =?utf-8?B?a?=",
        "From: =?utf-8?B?abcde?= <ada@example.net>",
        "Content-Type: text/plain; charset=idna",
        "Content-Type: text/plain; charset=undefined",
        'Content-Type: text/plain; charset="utf-8\0"',
    ],
)
def test_a_stop_is_heard_however_broken_the_head_of_the_mail_is(head: str) -> None:
    assert wish_of(read_mail(f"{head}\n\nstop\n".encode()).text) == ("stop", True)


@pytest.mark.parametrize(
    ("text", "wish", "sure"),
    [
        ("STOP", "stop", True),
        ("Opt out.", "stop", True),
        ("stop please!", "stop", True),
        ("Arrêt", "stop", True),
        ("'STOP'", "stop", True),
        ("-Stop-", "stop", True),
        ("STOP STOP STOP", "stop", True),
        ("stop pls", "stop", True),
        ("S.T.O.P.", "stop", True),
        ("ＳＴＯＰ", "stop", True),
        ("No more!", "stop", False),
        ("Lose my number", "stop", False),
        ("'help'", "help", True),
        ("No more leaks, thank you!", "talk", True),
        ("I do", "talk", True),
        ("Please don't forget to call me.", "talk", True),
        ("The water won't stop. Call me!", "talk", True),
        ("I could not stop the leak, please call", "talk", True),
        ("Stop, don't call me", "stop", False),
        ("stopp", "stop", False),
        ("please don't send me any more texts", "stop", False),
        ("take me off your list", "stop", False),
        ("Help", "help", True),
        ("UNSTOP", "start", True),
        ("Stop\n\nAda", "stop", False),
        ("stop.\nada", "stop", False),
        ("STOP!!! I never asked for this", "stop", False),
        ("\n Please unsubscribe me!\nThank you\nAda Case", "stop", False),
        ("Stop it.", "stop", False),
        ("Please stop this now", "stop", False),
        ("Please cancel my subscription", "stop", False),
        ("I want to cancel all of these\nsubscriptions.", "stop", False),
        ("please don’t write to me", "stop", False),  # as telephones write it
        ("You don't stop mailing me", "stop", False),
        ("Can you stop by on Tuesday? The tap drips again.", "talk", True),
        ("Stop by on Friday", "talk", True),
        ("Stopped. Thank you, it is dry now.", "talk", True),
        ("Stop? No, I like them.", "talk", True),
        ("Stop\nby on Friday", "talk", True),
        ("Stop it from dripping, please.", "talk", True),
        ("Could you make it stop?", "talk", True),
        ("please do not stop", "talk", True),
        ("Please don't stop sending these tips, I like your mails.", "talk", True),
        ("Please do not cancel my subscription.", "talk", True),
        ("cancel my appointment", "talk", True),
        ("Please\ncancel\nmy appointment", "talk", True),
        ("Please cancel my visit. My subscription goes on.", "talk", True),
        ("The tap drips again.\n\nStop", "talk", True),
        ("We are at the end of the road.", "talk", True),
    ],
)
def test_a_wish_is_understood_in_any_words(text: str, wish: str, sure: bool) -> None:
    assert wish_of(text) == (wish, sure)


@pytest.mark.parametrize(
    ("subject", "text", "wish"),
    [
        ("Unsubscribe", "", "stop"),
        ("RE: Fwd: stop", " \n", "stop"),
        ("Remove me from your list, please", "", "stop"),
        ("Re: Never miss a call", "", "talk"),  # our own words
        ("Stop by on Friday", "", "talk"),
        ("Help", "", "talk"),
        ("Cancel", "My appointment on Friday, that is.", "talk"),
        ("", "", "talk"),
    ],
)
def test_where_nothing_is_written_the_subject_speaks(subject: str, text: str, wish: str) -> None:
    assert wish_of(text, subject)[0] == wish
    assert wish_of(text, subject) != ("stop", True)


def test_somebody_named_in_a_reply_is_found_and_what_we_wrote_is_not() -> None:
    text = "Great work! Please call my sister Ann Lee, 419-555-0134.\n\nOn Tue, Joe wrote:\n> call us on 419-555-0199"
    found = named_in(own_words(text))
    assert found is not None
    assert (found.first_name, found.last_name, found.phone) == ("Ann", "Lee", "419-555-0134")
    assert named_in("My number is now 419-555-0134") is None


@pytest.mark.parametrize(
    "quoted",
    [
        "On Tue, Nov 24, 2026 at 10:00 AM Joe at Maple Plumbing <\njoe@mail.maple.example> wrote:",
        "On Tuesday, November 24, 2026 at 10:00:00 AM EST,\nJoe at Maple Plumbing <joe@mail.maple.example>\nwrote:",
        "Le mar. 24 nov. 2026 à 10:00, Joe\n<joe@mail.maple.example> a écrit :",
        "El mar, 24 nov 2026 a las 10:00, Joe (<joe@mail.maple.example>) escribió:",
        "---- On Tue, 24 Nov 2026 10:00:00 -0500 Joe <joe@mail.maple.example> wrote ---",
        "-----Ursprüngliche Nachricht-----",
        "De: Joe <joe@mail.maple.example>\nEnviado: martes, 24 de noviembre de 2026\nAsunto: Thank you",
        "*From:* Joe <joe@mail.maple.example>\n*Sent:* Tuesday, November 24, 2026",
    ],
)
def test_a_line_that_a_program_broke_is_still_no_word_of_theirs(quoted: str) -> None:
    assert own_words(f"Could you call me tomorrow?\n\n{quoted}\n\nHello Ada,") == "Could you call me tomorrow?"


OUR_FOOT = "You get this because you turned to us. Stop these mails: https://maple.example/u/abc"
OUR_OLD_FOOT = OUR_FOOT.replace("you turned to us", "we worked for you")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("On 24/11/2026 10:00, Joe wrote:\n> Hello Ada,\n> Thank you.\n\nSTOP\n\n-- \nAda", "STOP"),
        ("> Has the trouble stayed away?\n\nNo.\n\n> " + OUR_FOOT + "\n\nPlease call.", "No.\n\n\nPlease call."),
        ("On 24/11/2026 10:00, Joe wrote:\n> Hello Ada,\n> " + OUR_FOOT, ""),
        ("All is well.\n\nJoe, Maple Plumbing\n" + OUR_FOOT, "All is well.\n\nJoe, Maple Plumbing"),
        ("All is well.\n\nJoe, Maple Plumbing\n" + OUR_OLD_FOOT, "All is well.\n\nJoe, Maple Plumbing"),
    ],
)
def test_what_is_written_below_a_quote_counts_and_our_own_foot_never(text: str, words: str) -> None:
    assert own_words(text) == words


@pytest.mark.parametrize("shipped", ["rendering.py", "templates/frame.html"])
def test_the_foot_that_is_known_is_the_one_that_ships(shipped: str) -> None:
    source = (Path(rendering.__file__).parent / shipped).read_text()
    foot = next(line for line in re.split(r"<br>|\\n|\n", source) if "{{ unsubscribe_url }}" in line)
    assert foot.startswith("You get this because you turned to us.")  # who has only asked us for something gets mail too
    assert own_words(f"All is well.\n{re.sub('<[^>]*>', '', foot)}") == "All is well."


@pytest.mark.parametrize(
    "text",
    [
        "Hi Joe,\n\nThis is the first time it drips. Call me, please.",
        "Hello,\n\nThe header tank leaks.",
        "Hi\n\nHere is a copy of it.",
    ],
)
def test_a_person_may_use_the_words_of_a_machine(text: str) -> None:
    mail = read_mail(f"From: ada@example.net\nSubject: Re: Thank you\n\n{text}".encode())
    assert own_words(mail.whole) == text


def test_an_answer_in_html_alone_does_not_stop_by_the_foot_it_quotes() -> None:
    quoted = f"<b>From:</b> Joe &lt;joe@maple.example&gt;<br><b>Sent:</b> Tuesday<p>Hello Ada</p><p>{OUR_FOOT}</p>"
    raw = f"From: ada@example.net\nContent-Type: text/html\n\n<div>All is well, thank you!</div><hr>{quoted}"
    words = own_words(read_mail(raw.encode()).whole)
    assert words == "All is well, thank you!"
    assert wish_of(words) == ("talk", True)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Please call me at (419) 555-0134.", None),
        ("It leaks again. Could somebody call back: 419-555-0134?", None),
        ("It leaks. Thanks for your help!\n\nAda Case\nCase & Co\n419-555-0199", None),
        ("Call my neighbour Bob, 419-555-0177", "Bob"),
        ("Please call 419-555-0177, she needs somebody like you", ""),
    ],
)
def test_who_asks_for_a_call_back_has_named_nobody(text: str, name: str | None) -> None:
    found = named_in(text)
    assert (found.first_name if found else None) == name


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("text/html", "<" * 300_000),
        ("text/html", "<style>" * 40_000),
        ("text/plain", f"Hi{'.' * 59_000}x"),
        ("text/plain", "a" * 59_000),
        ("text/plain", f"original message{' ' * 59_000}\nx"),
        ("text/plain", f"It was not delivered.{chr(10) * 19_000}{' ' * 39_000}x"),
        ("message/delivery-status", f"Final-Recipient: rfc822; a@example.net\nDiagnostic-Code: {'x ' * 100_000}"),
        ("message/feedback-report", f"Feedback-Type: abuse\nOriginal-Rcpt-To: {'a' * 200_000}"),
        ("message/rfc822", "Content-Type: message/rfc822\n\n" * 3_000),
    ],
    ids=lambda value: value[:12],
)
def test_a_mail_that_was_made_to_be_read_for_ever_is_read_in_a_moment(kind: str, text: str) -> None:
    started = time.process_time()
    mail = read_mail(f"From: {'b' * 59_000}@example.net\nSubject: {'(' * 9_000}\nContent-Type: {kind}\n\n{text}".encode())
    assert kind_of(mail)
    assert complainers(mail) is not None
    assert all(verdict_of(failure) for failure in mail.failures)
    words = own_words(mail.whole)
    assert wish_of(words, mail.headers["subject"])
    assert named_in(words) is None
    assert time.process_time() - started < 1.0
