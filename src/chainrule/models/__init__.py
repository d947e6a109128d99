"""Well-known networks, one family per file, each to be read from top to bottom.

Place on the road: above ``nn`` and ``training``; examples of how to use them, and ready
to be trained.
"""

from typing import TYPE_CHECKING

from ..nn.module.registry import offer
from ..public import listing, missing_names
from .autoencoder import (
    Autoencoder,
    Reconstruction,
    conv_autoencoder,
    deep_autoencoder,
    squared_jacobian,
)
from .bayesian.calibration import Calibration, calibration
from .bayesian.dropout import MCDropout
from .bayesian.ensembles import DeepEnsemble
from .bayesian.joint import Joint
from .bayesian.laplace import Laplace
from .bayesian.likelihoods import (
    BernoulliLikelihood,
    CategoricalLikelihood,
    ConditionalLikelihood,
    GaussianLikelihood,
    HeteroscedasticLikelihood,
    MixtureDensity,
)
from .bayesian.posterior import MAP, Posterior
from .bayesian.prediction import Prediction
from .bayesian.priors import GaussianPrior, LaplacePrior, Prior
from .bayesian.sampled import HMC, NUTS, SGLD
from .bayesian.variational import MeanField
from .belief import DeepBeliefNet, UpDown
from .boltzmann.deep import DBM
from .boltzmann.divergence import ContrastiveDivergence
from .boltzmann.likelihood import (
    Estimate,
    Likelihood,
    annealed_importance_sampling,
    exact_log_partition,
    log_likelihood,
)
from .boltzmann.machine import RBM, Machine
from .boltzmann.units import Binary, Gaussian, Softmax, Units
from .bounds import ELBO, latent_grid
from .decoding import Decoded, decode
from .forecast.backtest import Backtest, backtest
from .forecast.forecaster import Forecaster, Forecasting
from .forecast.naive import Naive, SeasonalNaive
from .forecast.prediction import Forecast, ForecastModel
from .forecast.scores import ForecastScores, forecast_scores
from .forecast.smoothing import ExponentialSmoothing
from .gan import GAN, dcgan, mlp_gan
from .gpt import GPT
from .handwriting.learning import PenWriting
from .handwriting.mixture import BivariateMixture
from .handwriting.reading import PenReader, PenReading
from .handwriting.writing import PenScore, PenWriter
from .ica import ReconstructionICA
from .inception import googlenet, inception_small
from .language import (
    LanguageModel,
    NextToken,
    TokenRNN,
    language_model,
)
from .lenet import lenet, lenet5
from .perplexity import TextScore
from .pretraining import pretrain
from .resnet import resnet, resnet_small
from .seq2seq import Seq2Seq, TeacherForcing, Transformer
from .seq2seq_ensemble import Seq2SeqEnsemble
from .sparse_coding import SparseCoding, sparse_codes
from .speech.ctc import CTCRecogniser, WordClassifier
from .speech.gaussian import GaussianRecogniser
from .speech.hybrid import HybridRecogniser, Realign
from .speech.network import AcousticNetwork
from .speech.recogniser import Alignment
from .speech.training import SpeechTraining, WordErrors
from .tagging import Tagger, Tagging, TagScores
from .tcn import TCN
from .text_classifier import Pool, TextClassifier
from .translator import AttentionMap, TranslationScores, Translator
from .vae import VAE
from .vgg import vgg
from .word2vec import Stretches, Word2Vec
from .word_vectors import Similarity, Solved, WordVectors

__all__ = [
    "DBM",
    "ELBO",
    "GAN",
    "GPT",
    "HMC",
    "MAP",
    "NUTS",
    "RBM",
    "SGLD",
    "TCN",
    "VAE",
    "AcousticNetwork",
    "Alignment",
    "AttentionMap",
    "Autoencoder",
    "Backtest",
    "BernoulliLikelihood",
    "Binary",
    "BivariateMixture",
    "CTCRecogniser",
    "Calibration",
    "CategoricalLikelihood",
    "ConditionalLikelihood",
    "ContrastiveDivergence",
    "Decoded",
    "DeepBeliefNet",
    "DeepEnsemble",
    "Estimate",
    "ExponentialSmoothing",
    "Forecast",
    "ForecastModel",
    "ForecastScores",
    "Forecaster",
    "Forecasting",
    "Gaussian",
    "GaussianLikelihood",
    "GaussianPrior",
    "GaussianRecogniser",
    "HeteroscedasticLikelihood",
    "HybridRecogniser",
    "Joint",
    "LanguageModel",
    "Laplace",
    "LaplacePrior",
    "Likelihood",
    "MCDropout",
    "Machine",
    "MeanField",
    "MixtureDensity",
    "Naive",
    "NextToken",
    "PenReader",
    "PenReading",
    "PenScore",
    "PenWriter",
    "PenWriting",
    "Pool",
    "Posterior",
    "Prediction",
    "Prior",
    "Realign",
    "Reconstruction",
    "ReconstructionICA",
    "SeasonalNaive",
    "Seq2Seq",
    "Seq2SeqEnsemble",
    "Similarity",
    "Softmax",
    "Solved",
    "SparseCoding",
    "SpeechTraining",
    "Stretches",
    "TagScores",
    "Tagger",
    "Tagging",
    "TeacherForcing",
    "TextClassifier",
    "TextScore",
    "TokenRNN",
    "Transformer",
    "TranslationScores",
    "Translator",
    "Units",
    "UpDown",
    "Word2Vec",
    "WordClassifier",
    "WordErrors",
    "WordVectors",
    "annealed_importance_sampling",
    "backtest",
    "calibration",
    "conv_autoencoder",
    "dcgan",
    "decode",
    "deep_autoencoder",
    "exact_log_partition",
    "forecast_scores",
    "googlenet",
    "inception_small",
    "language_model",
    "latent_grid",
    "lenet",
    "lenet5",
    "log_likelihood",
    "mlp_gan",
    "pretrain",
    "resnet",
    "resnet_small",
    "sparse_codes",
    "squared_jacobian",
    "vgg",
]

offer(
    __name__,
    [
        "DBM",
        "GAN",
        "GPT",
        "HMC",
        "MAP",
        "NUTS",
        "RBM",
        "SGLD",
        "TCN",
        "AcousticNetwork",
        "Autoencoder",
        "BernoulliLikelihood",
        "BivariateMixture",
        "CTCRecogniser",
        "CategoricalLikelihood",
        "ContrastiveDivergence",
        "DeepBeliefNet",
        "DeepEnsemble",
        "Forecaster",
        "Forecasting",
        "GaussianLikelihood",
        "GaussianPrior",
        "GaussianRecogniser",
        "HeteroscedasticLikelihood",
        "HybridRecogniser",
        "LanguageModel",
        "Laplace",
        "LaplacePrior",
        "MCDropout",
        "MeanField",
        "MixtureDensity",
        "NextToken",
        "PenReader",
        "PenReading",
        "PenWriter",
        "PenWriting",
        "Pool",
        "Prior",
        "Reconstruction",
        "ReconstructionICA",
        "Seq2Seq",
        "Seq2SeqEnsemble",
        "SparseCoding",
        "SpeechTraining",
        "Tagger",
        "Tagging",
        "TeacherForcing",
        "TextClassifier",
        "TokenRNN",
        "Transformer",
        "Translator",
        "UpDown",
        "VAE",
        "WordClassifier",
        "Word2Vec",
    ],
)

__dir__ = listing(__all__)
if not TYPE_CHECKING:  # so that type checkers still find wrong names
    __getattr__ = missing_names(__name__, advice="models.NAMES")
