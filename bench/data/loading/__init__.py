"""From images to batches on the device."""
