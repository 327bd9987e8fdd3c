"""The scikit-learn face, for arrays and images.

`Autoencoder`, `VAE`, `Classifier`, and `FewLabelClassifier` where most rows have no label.
"""
