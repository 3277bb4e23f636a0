"""From a recording to spoken words: decoding, speech gate, channels, recognisers and what may be wrong with them."""
