"""The control plane's database: tables, migrations, transactions, and the rules that the database itself enforces."""
