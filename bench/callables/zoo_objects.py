"""Objects of catboost, spacy, gensim, networkx and statsmodels, which the real-file tests leave out.

Everything is fitted on small data that this module makes; no model and no data set is downloaded.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

Objects = Iterator[tuple[str, object]]

_TEXTS = [["the", "cat", "sat"], ["the", "dog", "ran"], ["a", "cat", "ran"], ["dogs", "and", "cats"]] * 5


def _data() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    random = np.random.default_rng(0)
    features = random.random((40, 3))
    return features, (features[:, 0] > features[:, 1]).astype(int)


def catboost_objects() -> Objects:
    """Models, pools and scikit-learn searches over them."""
    import catboost

    features, labels = _data()
    options = {"iterations": 3, "depth": 2, "verbose": False, "allow_writing_files": False}
    yield "classifier", catboost.CatBoostClassifier(**options).fit(features, labels)
    yield "regressor", catboost.CatBoostRegressor(**options).fit(features, features[:, 0])
    yield (
        "ranker",
        catboost.CatBoostRanker(**options).fit(features, labels, group_id=[0] * 20 + [1] * 20),
    )
    yield "model", catboost.CatBoost({**options, "loss_function": "Logloss"}).fit(features, labels)
    yield "unfitted", catboost.CatBoostClassifier(**options)
    yield "pool", {"params": catboost.CatBoostClassifier(**options).get_params()}


def spacy_objects() -> Objects:
    """Blank pipelines, documents, vocabularies and examples."""
    import spacy
    from spacy.tokens import DocBin, SpanGroup
    from spacy.training import Example

    for language in ("en", "de", "fr", "xx"):
        yield f"language_{language}", spacy.blank(language)
    nlp = spacy.blank("en")
    for part in ("sentencizer", "entity_ruler", "attribute_ruler"):
        nlp.add_pipe(part)
    yield "language_with_rules", nlp
    trained = spacy.blank("en")
    categories = trained.add_pipe("textcat")
    categories.add_label("a")
    categories.add_label("b")
    trained.add_pipe("tagger").add_label("N")
    trained.add_pipe("ner").add_label("PERSON")
    trained.initialize()
    yield "language_trained", trained
    document = nlp("The cat sat. It ran.")
    document.spans["s"] = SpanGroup(document, spans=[document[0:2]])
    yield "document", document
    yield "vocabulary", nlp.vocab
    yield "strings", nlp.vocab.strings
    yield "docbin", DocBin(docs=[document]).to_bytes()
    yield "tokenizer", nlp.tokenizer
    yield "example", Example.from_dict(nlp.make_doc("A b"), {"words": ["A", "b"]}).to_dict()
    yield "ruler", nlp.get_pipe("entity_ruler")
    yield "matcher", _matcher(nlp)
    yield "config", nlp.config
    yield "component_textcat", trained.get_pipe("textcat")


def _matcher(nlp: Any) -> object:
    from spacy.matcher import Matcher, PhraseMatcher

    matcher = Matcher(nlp.vocab)
    matcher.add("x", [[{"LOWER": "cat"}]])
    phrases = PhraseMatcher(nlp.vocab)
    phrases.add("y", [nlp.make_doc("the cat")])
    return [matcher, phrases]


def gensim_objects() -> Objects:
    """Word vectors, topic models, dictionaries and what transforms them."""
    from gensim import corpora, models, similarities
    from gensim.models.phrases import Phrases

    dictionary = corpora.Dictionary(_TEXTS)
    corpus = [dictionary.doc2bow(words) for words in _TEXTS]
    yield "dictionary", dictionary
    words = models.Word2Vec(_TEXTS, vector_size=4, min_count=1, epochs=1)
    yield "word2vec", words
    yield "keyed_vectors", words.wv
    yield "fasttext", models.FastText(_TEXTS, vector_size=4, min_count=1, epochs=1, bucket=50)
    tagged = [models.doc2vec.TaggedDocument(text, [index]) for index, text in enumerate(_TEXTS)]
    yield "tagged", tagged
    yield "doc2vec", models.Doc2Vec(tagged, vector_size=4, min_count=1, epochs=1)
    tfidf = models.TfidfModel(corpus)
    yield "tfidf", tfidf
    yield "tfidf_smartirs", models.TfidfModel(corpus, smartirs="nfc")
    yield "lda", models.LdaModel(corpus, num_topics=2, id2word=dictionary, passes=1)
    yield "lda_multicore", models.LdaMulticore(corpus, num_topics=2, id2word=dictionary, workers=1)
    yield "lsi", models.LsiModel(corpus, num_topics=2, id2word=dictionary)
    yield "hdp", models.HdpModel(corpus, dictionary)
    yield "nmf", models.Nmf(corpus, num_topics=2, id2word=dictionary)
    authors = {"a": [0], "b": [1]}
    yield "author_topics", models.AuthorTopicModel(corpus, 2, id2word=dictionary, author2doc=authors)
    yield "rp", models.RpModel(corpus, num_topics=2)
    yield "logentropy", models.LogEntropyModel(corpus)
    yield "bm25", models.OkapiBM25Model(dictionary=dictionary)
    yield "normmodel", models.NormModel(corpus)
    phrases = Phrases(_TEXTS, min_count=1)
    yield "phrases", phrases
    yield "phraser", phrases.freeze()
    yield "similarity", similarities.MatrixSimilarity(tfidf[corpus])
    yield "sparse_similarity", similarities.SparseMatrixSimilarity(corpus, num_features=len(dictionary))
    yield "hash_dictionary", corpora.HashDictionary(_TEXTS)


def networkx_objects() -> Objects:
    """Graphs of every kind, views of them, and every small graph that the library names."""
    import networkx as nx

    for kind in (nx.Graph, nx.DiGraph, nx.MultiGraph, nx.MultiDiGraph):
        graph = kind([(1, 2), (2, 3)])
        graph.add_node("a", weight=1.5, label=None)
        yield kind.__name__, graph
        yield f"{kind.__name__}_nodes", graph.nodes
        yield f"{kind.__name__}_edges", graph.edges
        yield f"{kind.__name__}_adjacency", graph.adj
        yield f"{kind.__name__}_degree", graph.degree
        yield f"{kind.__name__}_data", [graph.nodes(data=True), graph.edges(data=True)]
        yield f"{kind.__name__}_subgraph", graph.subgraph([1, 2])
        yield f"{kind.__name__}_frozen", nx.freeze(graph.copy())
    yield "reverse_view", nx.reverse_view(nx.DiGraph([(1, 2)]))
    yield "planar", nx.check_planarity(nx.cycle_graph(4))[1]
    yield "tree", nx.bfs_tree(nx.path_graph(4), 0)
    yield "quotient", nx.condensation(nx.DiGraph([(1, 2), (2, 1)]))
    yield "unionfind", nx.utils.UnionFind([1, 2, 3])
    for name in ("karate_club_graph", "petersen_graph", "cubical_graph", "les_miserables_graph"):
        yield name, getattr(nx, name)()
    yield "generated", [nx.erdos_renyi_graph(10, 0.3, seed=1), nx.grid_2d_graph(3, 3)]


def statsmodels_objects() -> Objects:
    """Results of linear, discrete, robust and time-series models, by array and by formula."""
    import pandas as pd
    import statsmodels.api as sm
    import statsmodels.formula.api as smf
    from statsmodels.tsa import api as tsa

    features, labels = _data()
    table = pd.DataFrame(features, columns=["a", "b", "c"]).assign(y=labels, g=["x", "z"] * 20)
    design = sm.add_constant(features)
    noise = labels + np.random.default_rng(1).random(40)
    fits: dict[str, Callable[[], object]] = {
        "ols": lambda: sm.OLS(noise, design).fit(),
        "wls": lambda: sm.WLS(noise, design, weights=1 + features[:, 0]).fit(),
        "gls": lambda: sm.GLS(noise, design).fit(),
        "glsar": lambda: sm.GLSAR(noise, design).fit(),
        "rlm": lambda: sm.RLM(noise, design).fit(),
        "quantile": lambda: sm.QuantReg(noise, design).fit(),
        "glm_gaussian": lambda: sm.GLM(noise, design).fit(),
        "glm_binomial": lambda: sm.GLM(np.arange(40) % 2, design, family=sm.families.Binomial()).fit(),
        "glm_poisson": lambda: sm.GLM(labels, design, family=sm.families.Poisson()).fit(),
        "glm_gamma": lambda: sm.GLM(noise + 1, design, family=sm.families.Gamma()).fit(),
        "logit": lambda: sm.Logit(np.arange(40) % 2, design).fit(disp=0),
        "probit": lambda: sm.Probit(np.arange(40) % 2, design).fit(disp=0),
        "poisson": lambda: sm.Poisson(labels, design).fit(disp=0),
        "mnlogit": lambda: sm.MNLogit(np.arange(40) % 3, design).fit(disp=0),
        "gee": lambda: sm.GEE(noise, design, groups=np.arange(40) // 4).fit(),
        "mixed": lambda: sm.MixedLM(noise, design, groups=np.arange(40) // 4).fit(),
        "ols_formula": lambda: smf.ols("y ~ a + b * c", table).fit(),
        "ols_categories": lambda: smf.ols("y ~ C(g) + np.log(a + 1)", table).fit(),
        "glm_formula": lambda: smf.glm("y ~ a", table).fit(),
        "arima": lambda: tsa.ARIMA(noise, order=(1, 0, 1)).fit(),
        "sarimax": lambda: tsa.SARIMAX(noise, order=(1, 0, 0), seasonal_order=(1, 0, 0, 4)).fit(disp=0),
        "autoreg": lambda: tsa.AutoReg(noise, 1).fit(),
        "var": lambda: tsa.VAR(features).fit(1),
        "smoothing": lambda: tsa.ExponentialSmoothing(noise, trend="add").fit(),
        "simple_smoothing": lambda: tsa.SimpleExpSmoothing(noise).fit(),
        "holt": lambda: tsa.Holt(noise).fit(),
        "unobserved": lambda: tsa.UnobservedComponents(noise, "local level").fit(disp=0),
        "stl": lambda: tsa.STL(noise, period=4).fit(),
        "seasonal": lambda: tsa.seasonal_decompose(noise, period=4),
        "markov": lambda: tsa.MarkovRegression(noise, k_regimes=2).fit(disp=0),
        "kde": lambda: _fitted(sm.nonparametric.KDEUnivariate(noise)),
        "ecdf": lambda: sm.distributions.ECDF(noise),
        "pca": lambda: sm.multivariate.PCA(features),
        "families": lambda: [kind() for kind in _families(sm.families)],
        "survival": lambda: sm.SurvfuncRight(noise, np.ones(40)),
        "phreg": lambda: sm.PHReg(noise, features).fit(),
        "summary": lambda: sm.OLS(noise, design).fit().summary(),
    }
    for name, fit in fits.items():
        with contextlib.suppress(ValueError, np.linalg.LinAlgError, TypeError, AttributeError):
            yield name, fit()


def _fitted(model: Any) -> object:
    model.fit()
    return model


def _families(module: Any) -> list[type]:
    return [kind for _, kind in inspect.getmembers(module, inspect.isclass)]
