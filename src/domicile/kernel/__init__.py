"""Basics for every part: ids, the grammar of keys, geography, errors, the clock, secret files, turns between projects."""
