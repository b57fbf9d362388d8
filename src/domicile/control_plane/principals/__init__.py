"""Principals: administrators, the operator, enrolled regions. Services take these values as proof of permission."""
