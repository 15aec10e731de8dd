"""Promptfoo configurations, read as they are: what is supported with Promptfoo's meaning, all else refused by name.

Nothing in them is run: no scripts, no Nunjucks filters or tags, no environment.
"""
