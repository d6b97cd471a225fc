"""Scenes whose truth is known, and figures of how near a result comes."""
