"""Names of ``metrics`` in other libraries, and options of metrics."""

from collections.abc import Mapping

#: Names of ``metrics``.
NAMES: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "accuracy_score", "BinaryAccuracy", "CategoricalAccuracy",
            "MulticlassAccuracy", "SparseCategoricalAccuracy",
        ),
        "metrics.accuracy(outputs, targets)",
    ),
    **dict.fromkeys(("f1_score", "F1Score"), "metrics.F1('macro')"),
    **dict.fromkeys(
        ("precision_score", "PrecisionScore"), "metrics.Precision('macro')"
    ),
    **dict.fromkeys(("recall_score", "RecallScore"), "metrics.Recall('macro')"),
    **dict.fromkeys(("r2_score", "R2Score"), "metrics.r2(outputs, targets)"),
    "mean_squared_error": "metrics.mse(outputs, targets)",
    "mean_absolute_error": "metrics.mae(outputs, targets)",
    "root_mean_squared_error": "metrics.rmse(outputs, targets)",
    **dict.fromkeys(
        ("TopKCategoricalAccuracy", "top_k_accuracy_score"), "metrics.TopK(5)"
    ),
    **dict.fromkeys(
        ("ConfusionMatrixDisplay", "plot_confusion_matrix"),
        "chainrule.pictures.confusion_matrix(matrix)",
    ),
    "LearningCurveDisplay": "chainrule.pictures.learning_curve(sizes, …)",
    "ValidationCurveDisplay": "chainrule.pictures.validation_curve(values, …)",
}  # fmt: skip

ORDER = "outputs come first: metrics.accuracy(outputs, targets)"

#: Options of metrics.
OPTIONS: Mapping[str, str] = {
    **dict.fromkeys(("y_true", "y_pred"), ORDER),
    "normalize": "leave it out: a metric is an average; confusion_matrix has counts",
    "top_k": "metrics.TopK(5)",
    "num_classes": "leave it out: outputs say how many classes there are",
    "task": "leave it out: outputs say how many classes there are",
    "from_logits": "leave it out: outputs are logits",
}
