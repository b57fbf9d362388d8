"""What a process of Domicile cannot do, whatever code runs in it: reach a network, write outside its folder.

Standard library only: this is imported before anything else.
"""
