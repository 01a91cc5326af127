"""Judge a dotted name that a configuration makes its loader import and call.

Keras modules, Hydra's `_target_`, skops and MLflow name what they load as text. It is the same
question as a pickle's GLOBAL, and the same tables answer it. One thing differs: a configuration
writes `torch.optim.Adam` where a pickle would say which part is the module, and it goes by public
names. So a name that passes through packages is natural here, as long as it does not pass through
a module that its library has merely imported.
"""

from __future__ import annotations

from weighbridge.knowledge.callables import CallableKnowledge, Capability, Judgement, Standing
from weighbridge.knowledge.resolution import is_dunder

_DOES_HARM = frozenset({Standing.DANGEROUS, Standing.REACHES})
_KNOWN = frozenset({Standing.ALLOWED, Standing.RECOGNISED, Standing.CONDITIONAL})
_MAX_PARTS = 16
_NEVER_A_SUBMODULE = frozenset(
    {"os", "posix", "nt", "sys", "subprocess", "builtins", "importlib", "runpy", "pty", "ctypes"}
    | {"pickle", "marshal", "shutil", "socket", "multiprocessing", "asyncio", "tempfile", "urllib"}
)
"""Modules that libraries import by these names, and after which no library names a part of its own;
one named `logging`, `wandb` or `profile` is more likely to be its own."""


def judge_target(target: str, knowledge: CallableKnowledge) -> Judgement:
    """Judge `package.module.Class.method`, wherever the module ends and the name begins.

    Of all ways to split it the worst one counts, then one that is known; a name without a dot is a
    builtin.
    """
    parts = target.split(".")
    if len(parts) == 1:
        return knowledge.judge("builtins", target, protocol=4)
    judged = [
        knowledge.judge(".".join(parts[:cut]), ".".join(parts[cut:]), protocol=4)
        for cut in range(len(parts) - 1, max(0, len(parts) - _MAX_PARTS), -1)
    ]
    natural = judged[0]
    others = [one for one in judged[1:] if _counts(one, target, knowledge)]
    # What the name walks to says more than what the tables say of where it begins.
    walked = [one for one in others if one.standing is Standing.DANGEROUS and one.canonical != target]
    for wanted in (_DOES_HARM, _KNOWN):
        for judgement in (*walked, natural, *others):
            if judgement.standing in wanted:
                return judgement
    return natural


def _counts(judgement: Judgement, target: str, knowledge: CallableKnowledge) -> bool:
    """False where only the split makes a name look as if it walked through a foreign module."""
    if judgement.standing is not Standing.DANGEROUS:
        return True
    canonical = judgement.canonical
    if canonical != target and target.endswith(f".{canonical}"):
        return _is_import_of_another(canonical, knowledge)
    merely_walks = judgement.capabilities == (Capability.ATTRIBUTE_ACCESS,)
    return not merely_walks or any(is_dunder(part) for part in target.split("."))


def _is_import_of_another(tail: str, knowledge: CallableKnowledge) -> bool:
    """True when the end of a dotted name is itself the name of something that does harm."""
    parts = tail.split(".")
    if parts[0] in _NEVER_A_SUBMODULE or tail in knowledge.dangerous:
        return True
    return any(
        knowledge.reached(".".join(parts[:cut]), ".".join(parts[cut:])) is not None
        for cut in range(len(parts) - 1, 0, -1)
    )
