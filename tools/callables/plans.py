"""Which modules of which libraries the lists of classes are made from: one file for each row.

A library is here because objects of its classes are found in published pickles: models, vectorizers,
vocabularies, training arguments. Modules that only run (command lines, servers, data loaders,
plots) are left out.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """What one list holds: modules whose name matches `include` and not `exclude`."""

    file: str
    packages: tuple[str, ...]
    include: str
    exclude: str = r"$^"


_TORCH = (
    r"torch\.(nn\.(modules|parameter|utils|parallel\.data_parallel|quantizable|quantized|qat|intrinsic)"
    r"|optim|ao\.nn|ao\.quantization\.(observer|fake_quantize|qconfig|stubs|qconfig_mapping)$"
    r"|distributions|utils\.data\.(dataset|sampler|dataloader|distributed)$|utils\.hooks$"
    r"|amp\.grad_scaler$|cuda\.amp\.grad_scaler$|torch_version$|_tensor$|storage$"
    r"|utils\.parametrize$|sparse\.semi_structured$|masked\.maskedtensor\.core$)"
)
PLANS = (
    Plan("torch.classes.txt", ("torch",), _TORCH, r"_deprecation|torch\.nn\.modules\._functions"),
    Plan(
        "sklearn.classes.txt",
        ("sklearn",),
        r"sklearn\.",
        r"externals|datasets|_testing|_test_common|_plot|utils\.(_repr|_estimator_html|parallel|fixes|discovery)|_build|callback",
    ),
    Plan(
        "scipy.classes.txt",
        ("scipy",),
        r"scipy\.(sparse|stats|interpolate|spatial|optimize\._(optimize|root|minimize|numdiff|differentiable)|signal\._(ltisys|short))",
        r"_lib|_generate|_tools",
    ),
    Plan(
        "pandas.classes.txt",
        ("pandas",),
        r"pandas\.core\.(frame|series|generic|flags|indexes|arrays|dtypes|internals|groupby|window|resample|interchange|indexing|base)",
        r"accessor|arrow\.|interchange",
    ),
    Plan("xgboost.classes.txt", ("xgboost",), r"xgboost\.(sklearn|core|callback|training|_typing)"),
    Plan("lightgbm.classes.txt", ("lightgbm",), r"lightgbm\.(sklearn|basic|callback|engine)"),
    Plan(
        "transformers.classes.txt",
        ("transformers",),
        r"transformers\.(training_args|trainer_utils|trainer_callback|trainer_pt_utils|modeling_utils|activations|pytorch_utils|configuration_utils|generation\.configuration_utils|utils\.generic|utils\.quantization_config|cache_utils|debug_utils|models\.\w+\.(configuration|modeling|tokenization|image_processing|feature_extraction|processing)_|tokenization_utils|tokenization_python|feature_extraction_utils|image_processing_|processing_utils|integrations\.deepspeed)",
        r"dummy|auto",
    ),
    Plan("accelerate.classes.txt", ("accelerate",), r"accelerate\.(utils\.dataclasses|state|hooks)$"),
    Plan(
        "ultralytics.classes.txt",
        ("ultralytics",),
        r"ultralytics\.(nn\.(modules|tasks)|utils\.(loss|tal|__init__)$|utils$)",
    ),
    Plan("timm.classes.txt", ("timm",), r"timm\.(models|layers|data\.mixup|utils\.(model_ema|agc))"),
    Plan(
        "omegaconf.classes.txt", ("omegaconf",), r"omegaconf\.(nodes|base|listconfig|dictconfig|_utils)"
    ),
    # What training, forecasting and natural-language libraries keep in the objects that people publish.
    Plan(
        "torchvision.classes.txt",
        ("torchvision",),
        r"torchvision\.(models|ops|transforms)",
        r"_api|_meta",
    ),
    Plan("torchaudio.classes.txt", ("torchaudio",), r"torchaudio\.(models|transforms)"),
    Plan(
        "torch_geometric.classes.txt",
        ("torch_geometric",),
        r"torch_geometric\.(nn|data\.(data|hetero_data|batch|storage|temporal)|transforms|utils)",
        r"explain|llm|data\.database|nlp\.(llm|vision)",
    ),
    Plan("torchmetrics.classes.txt", ("torchmetrics",), r"torchmetrics\."),
    Plan(
        "sentence_transformers.classes.txt",
        ("sentence_transformers",),
        r"sentence_transformers\.(?!backend|cli|models\.modules)",
        r"evaluation|datasets|readers",
    ),
    Plan(
        "flair.classes.txt",
        ("flair",),
        r"flair\.(data|embeddings|models|nn|optim|tokenization|training_utils)",
    ),
    Plan(
        "pytorch_lightning.classes.txt",
        ("pytorch_lightning",),
        r"pytorch_lightning\.(callbacks|utilities\.(parsing|types|enums)|trainer\.states|core\.(module|datamodule|mixins))",
        r"progress|lambda_function",
    ),
    Plan(
        "lightning.classes.txt",
        ("lightning",),
        r"lightning\.(pytorch\.(callbacks|utilities\.(parsing|types|enums)|trainer\.states|core\.(module|datamodule|mixins))|fabric\.utilities\.(data|types|enums))",
        r"progress|lambda_function",
    ),
    Plan(
        "peft.classes.txt",
        ("peft",),
        r"peft\.(tuners|config|peft_model|mixed_model|utils\.(peft_types|loftq_utils))",
    ),
    Plan("trl.classes.txt", ("trl",), r"trl\..*(config|args|arguments)"),
    Plan("datasets.classes.txt", ("datasets",), r"datasets\.(features|splits|info)"),
    Plan(
        "diffusers.classes.txt",
        ("diffusers",),
        r"diffusers\.(models\.(?!auto)|schedulers|configuration_utils)",
        r"dummy|flax|loading_utils",
    ),
    Plan("open_clip.classes.txt", ("open_clip",), r"open_clip\."),
    Plan(
        "keras.classes.txt",
        ("keras",),
        r"keras\.src\.(layers|models|optimizers|losses|metrics|initializers|regularizers|constraints|callbacks\.(history|early_stopping|reduce_lr))",
    ),
    Plan(
        "spacy.classes.txt",
        ("spacy",),
        r"spacy\.(lang|language|lookups|pipeline|util|vectors|training\.example|ml|errors|tokens|matcher|scorer)",
        r"underscore",
    ),
    Plan(
        "thinc.classes.txt",
        ("thinc",),
        r"thinc\.(model|optimizers|backends\.(ops|numpy_ops|cupy_ops|mps_ops|_param_server)|types|initializers|schedules|loss|shims\.shim|config)",
    ),
    Plan("confection.classes.txt", ("confection",), r"confection\._?config"),
    Plan(
        "gensim.classes.txt",
        ("gensim",),
        r"gensim\.(models|corpora\.(dictionary|hashdictionary)|similarities|utils|matutils)",
        r"wrappers|_fast|distributed|dispatcher|worker",
    ),
    Plan(
        "networkx.classes.txt",
        ("networkx",),
        r"networkx\.(classes|algorithms|utils)",
        r"tests|backends|configs",
    ),
    Plan(
        "statsmodels.classes.txt",
        ("statsmodels",),
        r"statsmodels\.(?!compat|sandbox|datasets|graphics|tools\.(docstring|print|web|parallel|numdiff|testing)|iolib\.(foreign|openfile|smpickle))",
        r"tests|docstring",
    ),
    Plan("patsy.classes.txt", ("patsy",), r"patsy\."),
    Plan("formulaic.classes.txt", ("formulaic",), r"formulaic\."),
    Plan("catboost.classes.txt", ("catboost",), r"catboost\.(core|utils)"),
    Plan("umap.classes.txt", ("umap",), r"umap\.(umap_|aligned_umap|parametric_umap)"),
    Plan("pynndescent.classes.txt", ("pynndescent",), r"pynndescent\."),
    Plan("hdbscan.classes.txt", ("hdbscan",), r"hdbscan\."),
    Plan(
        "imblearn.classes.txt",
        ("imblearn",),
        r"imblearn\.",
        r"tests|keras|tensorflow|utils\.(testing|estimator_checks|_docstring)",
    ),
    Plan("category_encoders.classes.txt", ("category_encoders",), r"category_encoders\."),
    Plan("feature_engine.classes.txt", ("feature_engine",), r"feature_engine\."),
    Plan("sklearn_crfsuite.classes.txt", ("sklearn_crfsuite",), r"sklearn_crfsuite\."),
    Plan(
        "mlxtend.classes.txt",
        ("mlxtend",),
        r"mlxtend\.(classifier|regressor|cluster|feature_selection|feature_extraction|preprocessing|_base)",
    ),
    Plan(
        "skorch.classes.txt",
        ("skorch",),
        r"skorch\.(classifier|regressor|net|callbacks|dataset|history|scoring|toy|probabilistic|utils|setter)",
    ),
    Plan(
        "shap.classes.txt",
        ("shap",),
        r"shap\.(_explanation|explainers|maskers|models|utils\._masked_model)",
        r"other|_deep",
    ),
    Plan(
        "interpret.classes.txt",
        ("interpret",),
        r"interpret\.(glassbox|utils\._(clean|binning|histogram))",
    ),
    Plan("econml.classes.txt", ("econml",), r"econml\."),
    Plan("prophet.classes.txt", ("prophet",), r"prophet\.(forecaster|models)"),
    Plan("pmdarima.classes.txt", ("pmdarima",), r"pmdarima\.(arima|pipeline|preprocessing|base)"),
    Plan("lifelines.classes.txt", ("lifelines",), r"lifelines\.(fitters|statistics)"),
    Plan("tslearn.classes.txt", ("tslearn",), r"tslearn\."),
    Plan(
        "surprise.classes.txt",
        ("surprise",),
        r"surprise\.(prediction_algorithms|trainset|dataset|model_selection|reader)",
    ),
    Plan(
        "optuna.classes.txt",
        ("optuna",),
        r"optuna\.(study|trial|distributions|samplers|pruners|storages\._in_memory)",
    ),
    Plan(
        "nltk.classes.txt",
        ("nltk",),
        r"nltk\.(tag|tokenize|stem|classify|probability|tree|lm|chunk|corpus\.reader\.wordnet|collocations|grammar)",
    ),
    Plan("gymnasium.classes.txt", ("gymnasium",), r"gymnasium\.spaces"),
    Plan(
        "stable_baselines3.classes.txt",
        ("stable_baselines3",),
        r"stable_baselines3\.(common\.(torch_layers|policies|distributions|noise|running_mean_std|type_aliases|utils|schedules|preprocessing|buffers)|\w+\.policies)",
    ),
    Plan(
        "pyannote.classes.txt",
        ("pyannote",),
        r"pyannote\.(core|audio\.(core\.(model|task)|models|utils\.(permutation|powerset|loss)))",
    ),
    Plan(
        "speechbrain.classes.txt",
        ("speechbrain",),
        r"speechbrain\.(nnet|lobes\.models|processing|dataio\.encoder|utils\.data_utils)",
        r"huggingface|fairseq|kenlm|nnet\.containers",
    ),
    Plan(
        "segmentation_models_pytorch.classes.txt",
        ("segmentation_models_pytorch",),
        r"segmentation_models_pytorch\.",
    ),
    Plan("efficientnet_pytorch.classes.txt", ("efficientnet_pytorch",), r"efficientnet_pytorch\."),
    Plan(
        "mmengine.classes.txt",
        ("mmengine",),
        r"mmengine\.(config\.config|structures|logging\.history_buffer|model)",
    ),
    Plan(
        "simpletransformers.classes.txt",
        ("simpletransformers",),
        r"simpletransformers\..*(model_args|losses)",
    ),
    Plan(
        "TTS.classes.txt",
        ("TTS",),
        r"TTS\.(config|tts\.(configs|models|layers)|vocoder\.(configs|models|layers)|vc\.(configs|models|layers)|encoder\.configs)",
    ),
    Plan(
        "bertopic.classes.txt",
        ("bertopic",),
        r"bertopic\.(_bertopic|cluster|dimensionality|vectorizers|representation\._(base|keybert|mmr|pos))",
    ),
)
