"""The scikit-learn face, for arrays and images.

`Autoencoder`, `VAE`, `Classifier`, and `FewLabelClassifier` where most rows have no label;
`PretrainedEncoder` for pictures that an encoder from elsewhere reads as they are.
"""
