"""Traits of finished runs over seeds and images: means, intervals and paired differences between families."""
