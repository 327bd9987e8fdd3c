"""The scikit-learn face: `Autoencoder`, `VAE` and `Classifier` for arrays and images."""
