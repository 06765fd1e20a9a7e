"""Posts as the senders make them, for tests: the shapes they document, values of ours."""

import base64
import hashlib
import hmac
import json
from typing import Any

SECRET = "s3cret-of-ours"


def digest(body: bytes, secret: str = SECRET, algorithm: str = "sha256") -> bytes:
    return hmac.new(secret.encode(), body, algorithm).digest()


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


def typeform(**more: Any) -> bytes:
    answers = [
        ("short_text", "fn", "First name", "text", "Grace"),
        ("short_text", "x1", "Your last name?", "text", "Hopper"),
        ("email", "x2", "Where do we write to?", "email", "grace@example.net"),
        ("phone_number", "x3", "And call?", "phone_number", "+14195552002"),
        ("long_text", "x4", "Tell us more", "text", "The boiler\nis cold."),
        ("multiple_choice", "x5", "What do you need?", "choice", {"label": "emergency"}),
        ("legal", "x6", "Text me reminders", "boolean", True),
        ("legal", "x7", "Mail me the newsletter", "boolean", False),
    ]
    fields = [{"id": ref, "title": title, "type": kind, "ref": ref} for kind, ref, title, _, _ in answers]
    told = [{"type": t, t: value, "field": {"id": ref, "ref": ref, "type": kind}} for kind, ref, _, t, value in answers]
    response = {"token": "tok1", "hidden": {"utm_source": "radio"}, "definition": {"fields": fields}, "answers": told}
    return as_json({"event_id": "ev1", "event_type": "form_response", "form_response": response, **more})


def google(**more: Any) -> bytes:
    columns = [
        ("FULL_NAME", "Grace Hopper"),
        ("EMAIL", "grace@example.net"),
        ("PHONE_NUMBER", "+14195552002"),
        ("POSTAL_CODE", "43604"),
    ]
    told = [{"column_id": name, "string_value": value} for name, value in columns]
    return as_json(
        {
            "lead_id": "g1",
            "user_column_data": told,
            "google_key": SECRET,
            "is_test": False,
            "gcl_id": "Cj0",
            "form_id": 2**53 + 1,
            **more,
        }
    )


def meta_notice(*lead_ids: str | int, field: str = "leadgen") -> bytes:
    changes = [{"field": field, "value": {"leadgen_id": lead_id, "page_id": 8, "form_id": 9}} for lead_id in lead_ids]
    return as_json({"object": "page", "entry": [{"id": 8, "time": 1, "changes": changes}]})


def meta_signature(body: bytes, secret: str = SECRET) -> dict[str, str]:
    return {"X-Hub-Signature-256": "sha256=" + digest(body, secret).hex()}


def typeform_signature(body: bytes) -> dict[str, str]:
    return {"Typeform-Signature": "sha256=" + base64.b64encode(digest(body)).decode()}


def hubspot_v3_signature(body: bytes, url: str, at: float) -> dict[str, str]:
    stamp = str(int(at * 1000))
    signed = base64.b64encode(digest(b"POST" + url.encode() + body + stamp.encode())).decode()
    return {"X-HubSpot-Signature-v3": signed, "X-HubSpot-Request-Timestamp": stamp}


def standard_signature(body: bytes, key: bytes, at: float, message_id: str = "msg_1") -> dict[str, str]:
    stamp = str(int(at))
    signed = hmac.new(key, f"{message_id}.{stamp}.".encode() + body, hashlib.sha256).digest()
    signatures = f"v1a,AAAA v1,{base64.b64encode(signed).decode()}"
    return {"webhook-id": message_id, "webhook-timestamp": stamp, "webhook-signature": signatures}


def multipart(**fields: str) -> tuple[bytes, dict[str, str]]:
    parts = "".join(f'--B\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items())
    return (parts + "--B--\r\n").encode(), {"Content-Type": "multipart/form-data; boundary=B"}


def jotform(raw: str | None = None, own: str = "64001") -> tuple[bytes, dict[str, str]]:
    fields = {
        "q3_name": {"first": "Grace", "last": "Hopper"},
        "q4_email": "grace@example.net",
        "q5_phoneNumber": {"area": "419", "phone": "5552002"},
        "q6_howCanWeHelp": ["maintenance"],
        "q9_message": "Once a year, please.",
        "slug": "submit/1",
    }
    return multipart(
        submissionID=own, formID="1", pretty="Name:Grace, Hopper", rawRequest=json.dumps(fields) if raw is None else raw
    )
