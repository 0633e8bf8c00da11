"""Load images and make batches on the device."""
