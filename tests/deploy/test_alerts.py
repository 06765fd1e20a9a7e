"""What pages somebody is measured under the very name the alert asks for."""

import re
from typing import Any

import pytest
from prometheus_client import REGISTRY

import services.followup.main
import services.handoff.main
import services.intake.main  # noqa: F401  its metrics
from shared.settings import ROOT

FILE = (ROOT / "deploy/observability/alerts.yml").read_text()
RULE = re.compile(r'- alert: (\w+)\s+expr: (.*)\s+(?:for: \w+\s+)?annotations: \{ summary: "(.*)" \}')
RULES = [dict(zip(("alert", "expr", "summary"), found, strict=True)) for found in RULE.findall(FILE)]
WORDS = {"up", "job", "max", "min", "abs", "time", "increase", "and", "or", "intake", "handoff", "followup", "m"}


def measured() -> set[str]:
    return {sample for metric in REGISTRY.collect() for sample in (metric.name, f"{metric.name}_total")}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_asks_for_what_is_measured_and_says_what_to_do(rule: dict[str, Any]) -> None:
    asked = set(re.findall(r"[a-z_]+", rule["expr"])) - WORDS
    assert asked <= measured(), f"nobody measures {asked - measured()}"
    assert asked or rule["expr"].startswith("up{")
    assert len(rule["summary"]) > 40


def test_what_the_issues_promise_to_page_has_an_alert() -> None:
    assert len(RULES) == FILE.count("- alert:") > 10
    text = " ".join(rule["expr"] for rule in RULES)
    for name in ("submission_oldest_waiting_seconds", "ledger_mismatches", "canary_last_arrived_timestamp_seconds", "dlq_total"):
        assert name in text
