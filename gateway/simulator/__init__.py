"""A Bedrock Runtime and a Secrets Manager on loopback: the wire, the strictness and the faults, without a model.

Users try the gateway with it (`make run`), tests direct it by markers in the conversation; `docs/simulator.md` has all
of them. It knows the wire format and the catalog's columns, and nothing of how the gateway translates, so that it
cannot agree with the gateway's mistakes.
"""

from gateway.simulator.exchanges import Exchange, Outcome
from gateway.simulator.inference_profiles import InferenceProfile
from gateway.simulator.options import LOCAL_API_KEY, SimulatorOptions
from gateway.simulator.refusals import Refusal
from gateway.simulator.server import Simulator, open_simulator
from gateway.simulator.troubles import Trouble

__all__ = [
    "LOCAL_API_KEY",
    "Exchange",
    "InferenceProfile",
    "Outcome",
    "Refusal",
    "Simulator",
    "SimulatorOptions",
    "Trouble",
    "open_simulator",
]
