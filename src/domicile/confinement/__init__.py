"""Confines processes of Domicile: no code in them can reach a network, or write outside its folder.

Standard library only: this is imported before anything else.
"""
