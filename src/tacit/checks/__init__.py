"""What is wrong with a set of images: copies and pictures that are unlike the others."""
