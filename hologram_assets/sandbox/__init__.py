"""A Hologram API on loopback, and a Slack beside it, to run and test everything against without an account.

    with Sandbox(sims=20, days=40) as sandbox:
        requests.get(f"{sandbox.base_url}/usage/data", auth=("apikey", "any"), params={"orgid": 144})

The fleet is drawn from a seed, relative to today (UTC), and tells its own truth (`sandbox.fleet`); what can go wrong is
switched on by name (`FAULTS`). What was sent to `sandbox.slack.base_url` stands in `sandbox.slack.messages`. Nothing here
imports the rest of the package, so that client and sandbox share no mistake.
"""

from hologram_assets.sandbox.clock import SandboxClock
from hologram_assets.sandbox.faults import FAULTS, Fault, FaultBoard, parse_fault
from hologram_assets.sandbox.fleet import RETENTION, Fleet
from hologram_assets.sandbox.periods import BillingPeriod
from hologram_assets.sandbox.plans import Plan
from hologram_assets.sandbox.planted import Planted
from hologram_assets.sandbox.profiles import PROFILES
from hologram_assets.sandbox.requestlog import AskedRequest
from hologram_assets.sandbox.search import FILTER_COLUMNS
from hologram_assets.sandbox.server import Sandbox
from hologram_assets.sandbox.sessions import Session
from hologram_assets.sandbox.sims import Sim
from hologram_assets.sandbox.slack.channels import SlackChannels
from hologram_assets.sandbox.slack.messages import SlackCall, SlackMessage
from hologram_assets.sandbox.slack.workspace import Slack

__all__ = [
    "FAULTS",
    "FILTER_COLUMNS",
    "PROFILES",
    "RETENTION",
    "AskedRequest",
    "BillingPeriod",
    "Fault",
    "FaultBoard",
    "Fleet",
    "Plan",
    "Planted",
    "Sandbox",
    "SandboxClock",
    "Session",
    "Sim",
    "Slack",
    "SlackCall",
    "SlackChannels",
    "SlackMessage",
    "parse_fault",
]
