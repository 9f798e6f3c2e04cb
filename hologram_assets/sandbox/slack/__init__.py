"""Slack without Slack: its Web API as far as alerts need it, its limits, and a page that shows what a team would see."""
