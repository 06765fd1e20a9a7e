"""Intake, the Before Unit: an answered lead is a kept lead, known as a person, scored, and published once."""
