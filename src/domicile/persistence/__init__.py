"""Database engines and migrations, for both planes. Tables and queries belong to the planes."""
