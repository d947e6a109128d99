"""The steps of a recurrent network: loops taken apart, their numbers, their story."""
