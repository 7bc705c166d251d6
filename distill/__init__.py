"""Releases become students: data, losses, training, evaluation; and the training of the embedded teacher."""
