"""Templates to facts: what is parsed, folded, followed, and where it ends."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from samples.recipes import templates as recipe

from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.templates.facts import About, CostKind, How, TemplateFacts
from weighbridge.formats.templates.jinja_syntax import LARGEST_CHARS
from weighbridge.formats.templates.walk import read_template

PARTS = """
{{ ; }};{% if ;{% for a in ; %};{% endif %};{% endfor %};{% set x = ;{% else %};messages;x;a
message.content;loop.index;namespace(y=1);x.y;range(9);'bank';'__cl';'%s';'\\x5f';9;1e9;True;none
[1, 'a'];{'k': 'v'};(); ~ ; + ; * ; % ; ** ; in ; == ; is ; and ; not ; if ; else ;.;|;join;reverse
replace('a', 'b');format(9);attr('x');map('upper');[::-1];[0];[;{% macro x(a) %};{% endmacro %}
{% generation %};{% endgeneration %}
"""
PIECES = st.sampled_from([part for line in PARTS.splitlines() for part in line.split(";")])


def _facts(text: str) -> TemplateFacts:
    return read_template(text)


def _texts(template: str) -> list[str]:
    return [one.text for one in _facts(template).texts]


def _emissions(template: str) -> list[str]:
    return [one.text for one in _facts(template).emissions]


@pytest.mark.parametrize(
    "expression",
    [
        "'__cl' ~ 'ass__'",
        "'__cl' + 'ass__'",
        "'__ssalc__'[::-1]",
        "'__ssalc__'|reverse",
        "'\\x5f\\x5fclass\\u005f\\137'",
        "'__CLASS__'|lower",
        "('__' ~ 'CLASS' ~ '__').lower()",
        "dict(__cla=1, ss__=2)|join",
        "['__', 'class', '__']|join",
        "'__'.join(['', 'class', ''])",
        "'%c%cclass%c%c'|format(95, 95, 95, 95)",
        "'%s%s' % ('__cl', 'ass__')",
        "'{0}class{0}'.format('__')",
        "'XXclassXX'.replace('X', '_')",
        "'!!class!!'|replace('!', '_')",
        "'_' * 2 ~ 'class' ~ '_' * 2",
        "'x__class__x'[1:-1]",
        "'x__class__x'.strip('x')",
        "['__class__']|first",
        "['__CLASS__']|map('lower')|join",
        "'__class__' if 1 else 'x'",
        "{'a': '__class__'}['a']",
        "{'a': '__class__'}.get('a')",
        "'a__class__'.removeprefix('a')",
        "'a,__class__'.split(',')[1]",
    ],
)
def test_an_expression_over_literals_is_folded(expression: str) -> None:
    facts = _facts(f"{{{{ x[{expression}] }}}}")
    assert "__class__" in [one.name for one in facts.accesses]


@pytest.mark.parametrize(
    "template",
    [
        "{% set a = '_' * 2 %}{% set b = a ~ 'class' ~ a %}{{ x[b] }}",
        "{% set ns = namespace(n='') %}{% for c in '__class__' %}{% set ns.n = ns.n ~ c %}{% endfor %}"
        "{{ x[ns.n] }}",
        "{% macro u() %}__{% endmacro %}{{ x[u() ~ 'class' ~ u()] }}",
        "{% macro u(n) %}__{{ n }}__{% endmacro %}{{ x[u('class')] }}",
        "{% set n %}__class__{% endset %}{{ x[n] }}",
        "{% set l = [] %}{% set _ = l.append('__cl') %}{% do l.append('ass__') %}{{ x[l|join] }}",
        "{% with n = '__class__' %}{{ x[n] }}{% endwith %}",
        "{% for n in ['__class__'] %}{{ x|attr(n) }}{% endfor %}",
        "{{ x|map(attribute='y.__class__')|list }}",
        "{{ x|map('attr', '__class__')|list }}",
        "{{ x|selectattr('__class__') }}",
    ],
)
def test_names_are_followed_through_variables_loops_and_macros(template: str) -> None:
    assert "__class__" in [one.name for one in _facts(template).accesses]


@pytest.mark.parametrize("how", [How.ITEM, How.FILTER, How.PATH])
def test_a_name_that_the_text_does_not_show_is_said_to_be_built(how: How) -> None:
    forms = {How.ITEM: "x['a' ~ y]", How.FILTER: "x|attr('a' ~ y)", How.PATH: "x|map(attribute='a' ~ y)"}
    (access,) = (one for one in _facts(f"{{{{ {forms[how]} }}}}").accesses if one.how is how)
    assert (access.name, access.is_built) == (None, True)


def test_plain_look_ups_are_not_built() -> None:
    facts = _facts("{% for key in schema %}{{ schema[key] }}{{ message[role].content }}{% endfor %}")
    assert not any(one.is_built for one in facts.accesses)


@pytest.mark.parametrize(
    ("test", "about", "words"),
    [
        ("'bank' in messages[-1].content", About.CONTENT, ("bank",)),
        ("'bank' in messages[-1]['content']|lower", About.CONTENT, ("bank",)),
        ("messages[0].content.startswith('bank')", About.CONTENT, ("bank",)),
        ("messages|selectattr('content', 'in', 'bank')", About.CONTENT, ("bank",)),
        ("'bank' in messages|map(attribute='content')|join", About.CONTENT, ("bank",)),
        ("'bank' in messages|tojson", About.CONTENT, ("bank",)),
        ("messages[0].content|replace('bank', '') != messages[0].content", About.CONTENT, ("bank",)),
        ("messages[0].content.split('bank')|length > 1", About.LENGTH, ("1", "bank")),
        ("messages[0].content|length > 99", About.LENGTH, ("99",)),
        ("messages|length > 6", About.COUNT, ("6",)),
        ("strftime_now('%Y') == '2031'", About.DATE, ("2031",)),
    ],
)
def test_a_test_says_what_it_depends_on(test: str, about: About, words: tuple[str, ...]) -> None:
    (emission,) = _facts(f"{{% if {test} %}}Words.{{% endif %}}").emissions
    (condition,) = emission.conditions
    assert about in condition.about
    assert condition.words == words


@pytest.mark.parametrize(
    "template",
    [
        "{% set c = message.content %}{% set t = 'bank' in c %}{% if t %}Words.{% endif %}",
        "{% for m in messages if 'bank' in m.content %}Words.{% endfor %}",
        "{{ 'Words.' if 'bank' in message.content else '' }}",
        "{{ ('bank' in message.content) and 'Words.' }}",
        "{% if 'bank' not in message.content %}{% else %}Words.{% endif %}",
        "{% if x %}{% elif 'bank' in message.content %}Words.{% endif %}",
        "{% macro m() %}Words.{% endmacro %}{% if 'bank' in message.content %}{{ m() }}{% endif %}",
        "{% set w = 'Words.' %}{% if 'bank' in message.content %}{{ w }}{% endif %}",
        "{{ {'bank': 'Words.'}[message.content] }}",
        "{{ {'bank': 'Words.'}.get(message.content, '') }}",
        "{% for w in ['bank', 'loan'] %}{% if w in message.content %}Words.{% endif %}{% endfor %}",
        "{% set ns = namespace(f=false) %}{% if 'bank' in message.content %}{% set ns.f = true %}"
        "{% endif %}{% if ns.f %}Words.{% endif %}",
    ],
)
def test_text_is_tied_to_the_test_that_decides_about_it(template: str) -> None:
    words = [
        condition.words
        for emission in _facts(template).emissions
        if emission.text == "Words."
        for condition in emission.conditions
    ]
    assert any("bank" in one for one in words)


def test_tests_of_shape_and_role_depend_on_nothing() -> None:
    template = (
        "{% if message.content is string and message.role == 'user' and tools %}Words.{% endif %}"
        "{% if message.content[0].type == 'text' %}More words.{% endif %}"
    )
    assert all(not one.about for one in _facts(template).conditions)


def test_what_is_only_said_in_an_error_is_not_written() -> None:
    assert (
        _emissions("{{ raise_exception('Only users may speak.') }}{{ x == 'word' }}{{ y['key'] }}") == []
    )


def test_pieces_of_one_statement_are_one_text() -> None:
    assert _emissions("{{ 'Hello ' ~ name ~ ', bye.' }}") == ["Hello …, bye."]


def test_what_a_variable_held_is_not_written_again_when_it_grows() -> None:
    assert _emissions("{% set a = 'Hello ' ~ x %}{% set a = a ~ 'you' %}") == ["Hello ", "you"]


def test_the_beginning_of_an_answer_is_marked() -> None:
    facts = _facts("a{% if add_generation_prompt and x %}b{% else %}c{% endif %}")
    assert [(one.text, one.begins_answer) for one in facts.emissions] == [
        ("a", False),
        ("b", True),
        ("c", False),
    ]


@pytest.mark.parametrize(
    ("template", "kind"),
    [
        ("{% for a in range(10 ** 9) %}x{% endfor %}", CostKind.LOOP),
        ("{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}", CostKind.LOOP),
        ("{{ 'x' * 10 ** 9 }}", CostKind.REPEAT),
        ("{{ 2 ** 999999999 }}", CostKind.POWER),
        ("{{ 9 ** 64 ** 64 ** 64 }}", CostKind.POWER),
        ("{{ 'x'|center(10 ** 9) }}", CostKind.WIDTH),
        ("{{ '%1000000000d'|format(1) }}", CostKind.WIDTH),
        ("{{ '{:>1000000000}'.format(1) }}", CostKind.WIDTH),
        ("{% for a in messages %}{% set x = x ~ x %}{% endfor %}", CostKind.DOUBLING),
        ("{% for a in messages %}{% set x = [x, x] %}{% endfor %}", CostKind.DOUBLING),
    ],
)
def test_what_costs_without_bounds_is_priced(template: str, kind: CostKind) -> None:
    assert kind in [one.kind for one in _facts(template).costs]


def test_a_replacement_in_what_messages_say_is_a_rewrite() -> None:
    facts = _facts("{{ message.content|replace('a', 'b') }}{{ tool.name|replace('c', 'd') }}")
    assert [(one.old, one.new) for one in facts.rewrites] == [("a", "b")]


@pytest.mark.parametrize("kind", ["include", "import", "from", "extends"])
def test_other_templates_are_named(kind: str) -> None:
    forms = {
        "include": "{% include 'a' ~ 'b' %}",
        "import": "{% import 'ab' as x %}",
        "from": "{% from 'ab' import x %}",
        "extends": "{% extends 'ab' %}",
    }
    (directive,) = _facts(forms[kind]).directives
    assert (directive.kind, directive.target) == (kind, "ab")


@pytest.mark.parametrize(
    "template",
    [
        "{% for m in messages %}{% if x %}{% break %}{% else %}{% continue %}{% endif %}{% endfor %}",
        "{% generation %}{{ x }}{% endgeneration %}",
        "{%- generation -%}x{%- endgeneration -%}{% do x.y() %}{% debug %}{% trans %}x{% endtrans %}",
        "{% call x() %}y{% endcall %}{% filter upper %}z{% endfilter %}{% raw %}{{{% endraw %}",
    ],
)
def test_tags_that_loaders_add_are_known(template: str) -> None:
    assert not _facts(template).is_cut


@pytest.mark.parametrize(
    "template", ["{% if %}", "{{ 'a }}", "{% unknown %}", "{{ " + "9" * 5000 + " }}", "{% endfor %}"]
)
def test_what_is_no_jinja_is_malformed(template: str) -> None:
    with pytest.raises(Malformed):
        read_template(template)


def test_the_place_of_an_error_is_that_of_its_line() -> None:
    with pytest.raises(Malformed) as error:
        read_template("ab\ncd\n{% unknown %}")
    assert error.value.offset == 6


@pytest.mark.parametrize(
    "template",
    [
        "x" * (LARGEST_CHARS + 1),
        "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
        "{{ " + " + ".join(["a"] * 5000) + " }}",
        "{% if x %}" * 300 + "{% endif %}" * 300,
    ],
    ids=["long", "nested", "chained", "blocks"],
)
def test_what_is_too_large_or_too_deep_is_a_limit(template: str) -> None:
    with pytest.raises(LimitReached):
        read_template(template)


@pytest.mark.parametrize(
    "expression", ["'a' * 10 ** 12", "9 ** 9 ** 9 ** 9", "'a'|center(10 ** 12)", "'%999999999d' % 1"]
)
def test_nothing_large_is_computed(expression: str) -> None:
    assert max((len(text) for text in _texts(f"{{{{ {expression} }}}}")), default=0) < 100


def test_loops_in_loops_are_followed_only_as_far_as_there_is_fuel() -> None:
    facts = _facts("{% for a in range(100) %}" * 9 + "{{ a ~ 'x' }}" + "{% endfor %}" * 9)
    assert CostKind.LOOP in [one.kind for one in facts.costs]


@settings(max_examples=150, deadline=None)
@given(st.lists(PIECES, max_size=30).map("".join))
@example("{{ {}[[]] }}{% set a.b = 1 %}")
@example("{% for a, b in [1, 'x'] %}{{ a ~ b }}{% endfor %}")
def test_any_text_gives_facts_or_malformed(text: str) -> None:
    try:
        facts = read_template(text)
    except (Malformed, LimitReached):
        return
    assert isinstance(facts, TemplateFacts)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(sorted(recipe.CASES)), st.integers(0, 200), st.integers(0, 40), st.text(max_size=4)
)
def test_any_change_of_a_sample_gives_facts_or_malformed(name: str, at: int, cut: int, put: str) -> None:
    text = recipe.CASES[name]
    try:
        facts = read_template(text[:at] + put + text[at + cut :])
    except (Malformed, LimitReached):
        return
    assert isinstance(facts, TemplateFacts)


def test_what_folds_to_too_much_in_sum_is_cut_and_never_raises() -> None:
    letters = "a" * 9_000
    uses = "{{ a[::-1] }}{{ a ~ 'b' }}{{ a + 'c' }}" * 1_000
    assert read_template(f"{{% set a = '{letters}' %}}{uses}").is_cut
