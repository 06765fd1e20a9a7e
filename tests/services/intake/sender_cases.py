"""What each sender tells of the same person, and what must be understood of it."""

import base64
import json
from typing import Any
from urllib.parse import urlencode

from tests.services.intake.senders import (
    SECRET,
    as_json,
    digest,
    google,
    jotform,
    meta_signature,
    typeform,
    typeform_signature,
)

GRACE = {"first_name": "Grace", "last_name": "Hopper", "email": "grace@example.net", "phone": "+14195552002"}
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
Sent = tuple[bytes, dict[str, str]]


def signed(body: bytes, headers: dict[str, str]) -> Sent:
    return body, JSON | headers


def form(**fields: str) -> Sent:
    return urlencode(fields).encode(), dict(FORM)


BRACKETS = {
    "form[id]": "7a",
    "fields[name][value]": "Grace Hopper",
    "fields[name][type]": "text",
    "fields[f2][title]": "Where to",
    "fields[f2][type]": "email",
    "fields[f2][value]": "grace@example.net",
    "fields[tel][type]": "tel",
    "fields[tel][value]": "419-555-2002",
    "fields[ok][type]": "acceptance",
    "fields[ok][title]": "Call me about offers",
    "fields[ok][value]": "on",
    "meta[page_url][value]": "https://maple.example/?gclid=abc",
}
GRAVITY = {"id": "77", "1.3": "Grace", "1.6": "Hopper", "2": "grace@example.net", "3": "(419) 555-2002", "4": "estimate"}
GRAVITY |= {
    "5": "The old tank leaks.",
    "6.1": "Checked",
    "6.2": "I agree to be called at any time of the day",
    "6.3": "2",
    "7": "",
}
HUBSPOT = {
    "fields": [
        {"objectTypeId": "0-1", "name": name, "value": value}
        for name, value in (
            ("firstname", "Grace"),
            ("lastname", "Hopper"),
            ("email", "grace@example.net"),
            ("mobilephone", "419 555 2002"),
        )
    ],
    "context": {"pageUri": "https://maple.example/?utm_campaign=spring"},
    "legalConsentOptions": {"consent": {"communications": [{"value": True, "text": "Mail me."}, {"value": False}]}},
}
THUMBTACK = {
    "leadID": "299614694480093245",
    "leadType": "ESTIMATION",
    "request": {
        "category": "Heating",
        "description": "It leaks.",
        "location": {"zipCode": "43604"},
        "details": [{"question": "Rooms", "answer": "4"}],
    },
    "customer": {"name": "Grace Hopper", "phone": "4195552002"},
}
CALL = {
    "id": 76697,
    "call_type": "voicemail",
    "customer_name": "Grace Hopper",
    "customer_phone_number": "+14195552002",
    "direction": "inbound",
    "duration": "13",
    "formatted_customer_name": "Grace H.",
    "gclid": None,
    "utm_source": "google",
}
WPFORMS = {
    "entry_id": "5",
    "fields": {
        "1": {"name": "Name", "type": "name", "value": "Grace Hopper"},
        "2": {"name": "E-mail", "type": "email", "value": "grace@example.net"},
        "3": {"name": "Mobile", "type": "phone", "value": "419.555.2002"},
    },
}


def by_callrail(body: bytes) -> Sent:
    return signed(body, {"Signature": base64.b64encode(digest(body, algorithm="sha1")).decode()})


TOLD: dict[str, tuple[str, Sent, dict[str, Any]]] = {
    "typeform": (
        "typeform",
        signed(typeform(), typeform_signature(typeform())),
        {**GRACE, "selection": "emergency", "message": "The boiler\nis cold.", "external_id": "tok1"},
    ),
    "google": ("google", signed(google(), {}), {**GRACE, "postal_code": "43604", "external_id": "g1"}),
    "jotform": ("jotform", jotform(), {**GRACE, "selection": "maintenance", "external_id": "64001"}),
    "jotform, a template": (
        "jotform",
        jotform(
            raw=json.dumps(
                {
                    "q3_fullName3": {"first": "Grace", "last": "Hopper"},
                    "q6_email6": "grace@example.net",
                    "q7_phoneNumber7": {"full": "(419) 555-2002"},
                    "q8_phoneNumber8": {"full": "(419) 555-2009"},
                    "q12_typeOfService12": "Emergency",
                }
            )
        ),
        {**GRACE, "selection": "emergency"},
    ),
    "gravity": (
        "gravity",
        form(**GRAVITY),
        {**GRACE, "selection": "estimate", "external_id": "77", "message": "The old tank leaks."},
    ),
    "gravity by names": (
        "gravity",
        (as_json({"id": 78, "Full name": "Grace Hopper", "E-Mail": "grace@example.net", "Tel.": "419-555-2002"}), JSON),
        {**GRACE, "external_id": "78"},
    ),
    "netlify": (
        "generic",
        (
            as_json(
                {
                    "id": "5f1",
                    "email": "grace@example.net",
                    "name": "Grace Hopper",
                    "first_name": None,
                    "summary": "The old tank",
                    "body": "The old tank leaks.",
                    "data": {
                        "name": "Grace Hopper",
                        "email": "grace@example.net",
                        "phone": "(419) 555-2002",
                        "service": "estimate",
                        "message": "The old tank leaks.",
                    },
                }
            ),
            JSON,
        ),
        {**GRACE, "selection": "estimate", "message": "The old tank leaks."},
    ),
    "elementor": ("elementor", form(**BRACKETS), GRACE),
    "elementor, labels": (
        "elementor",
        form(Name="Grace Hopper", Email="grace@example.net", **{"Your phone": "4195552002"}),
        GRACE,
    ),
    "hubspot": ("hubspot", (as_json(HUBSPOT), JSON), GRACE),
    "hubspot contact": (
        "hubspot",
        (
            as_json(
                {
                    "vid": 12,
                    "properties": {
                        "firstname": {"value": "Grace"},
                        "lastname": {"value": "Hopper"},
                        "email": {"value": "grace@example.net"},
                        "phone": {"value": "419 555 2002"},
                    },
                }
            ),
            JSON,
        ),
        {**GRACE, "external_id": "12"},
    ),
    "wpforms": ("wpforms", (as_json(WPFORMS), JSON), GRACE),
    "contact form 7": (
        "contactform7",
        form(
            **{
                "your-name": "Grace Hopper",
                "your-email": "grace@example.net",
                "your-tel": "419 555 2002",
                "your-message": "Hi",
                "_wpcf7": "3",
            }
        ),
        {**GRACE, "message": "Hi"},
    ),
    "formstack": (
        "formstack",
        (
            as_json(
                {
                    "FormID": "2",
                    "UniqueID": "9",
                    "Name": {"first": "Grace", "last": "Hopper"},
                    "Email": "grace@example.net",
                    "Phone": "419-555-2002",
                    "Address": {"zip": "43604"},
                }
            ),
            JSON,
        ),
        {**GRACE, "postal_code": "43604"},
    ),
    "formstack, numbers": (
        "formstack",
        form(FormID="2", UniqueID="10", **{"11": "grace@example.net", "12": "419-555-2002"}),
        {"email": GRACE["email"], "phone": GRACE["phone"]},
    ),
    "formstack, its parts as lines": (
        "formstack",
        form(
            FormID="5401234",
            UniqueID="987654321",
            Name="first = Grace\nlast = Hopper",
            Contact="value = grace@example.net\nfield_type = email",
            Reach="value = (419) 555-2002\r\nfield_type = phone",
            Home="address = 5 Elm St\ncity = Toledo\nstate = OH\nzip = 43604",
            Comments="value = The old tank leaks.\nfirst = the left one\nfield_type = textarea",
        ),
        {
            **GRACE,
            "postal_code": "43604",
            "external_id": "987654321",
            "message": "The old tank leaks.\nfirst = the left one",
        },
    ),
    "formstack, its own numbers": (
        "formstack",
        form(UniqueID="9876543210", **{"11": "grace@example.net"}),
        {"email": GRACE["email"], "phone": None, "external_id": "9876543210"},
    ),
    "thumbtack": (
        "thumbtack",
        (as_json(THUMBTACK), JSON | {"Authorization": "Basic dHQ6czNjcmV0"}),
        {"phone": GRACE["phone"], "last_name": "Hopper", "postal_code": "43604", "selection": "estimate"},
    ),
    "callrail": ("callrail", by_callrail(as_json(CALL)), {"phone": GRACE["phone"], "last_name": "Hopper"}),
    "generic": (
        "generic",
        (as_json({"contact": {"Full Name": "Grace Hopper", "EMAIL": "grace@example.net", "phone_number": "419 555 2002"}}), JSON),
        GRACE,
    ),
    "meta, answers inline": (
        "meta",
        signed(
            body := as_json(
                {
                    "id": "44",
                    "field_data": [
                        {"name": "full_name", "values": ["Grace Hopper"]},
                        {"name": "email", "values": ["grace@example.net"]},
                        {"name": "phone_number", "values": ["+14195552002"]},
                    ],
                }
            ),
            meta_signature(body),
        ),
        {**GRACE, "external_id": "44"},
    ),
}
SECRETS = {"thumbtack": "tt:s3cret", "typeform": SECRET, "google": SECRET, "callrail": SECRET, "meta": SECRET}
