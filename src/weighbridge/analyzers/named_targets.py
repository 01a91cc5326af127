"""Judge a dotted name that a configuration makes its loader import and call.

Keras modules, Hydra's `_target_`, skops and MLflow name what they load as text. It is the same
question as a pickle's GLOBAL, and the same tables answer it.
"""

from __future__ import annotations

from weighbridge.knowledge.callables import CallableKnowledge, Judgement, Standing

_DOES_HARM = frozenset({Standing.DANGEROUS, Standing.REACHES})
_KNOWN = frozenset({Standing.ALLOWED, Standing.RECOGNISED, Standing.CONDITIONAL})
_MAX_PARTS = 16


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
    for wanted in (_DOES_HARM, _KNOWN):
        for judgement in judged:
            if judgement.standing in wanted:
                return judgement
    return judged[0]
