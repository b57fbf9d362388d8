"""Secrets in files that only this user can read, each written whole or not at all."""

from domicile.kernel.secret_files import make_folder, write_secret

__all__ = ["SecretFileError", "make_folder", "write_secret"]


class SecretFileError(Exception):
    """A file with a secret or a certificate is missing, damaged, or of another installation. The text names the file."""
